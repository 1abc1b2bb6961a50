#include "tokenizer/call_record.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_join.h"
#include "status/reason.h"

namespace keysvc::tokenizer {
namespace {

audit::Outcome OutcomeOf(const absl::Status& status) {
  if (status.ok()) return audit::Outcome::kSuccess;
  return IsDenial(ReasonOf(status).value_or(Reason::kInternal)) ? audit::Outcome::kDenied
                                                                : audit::Outcome::kFailed;
}

// The rule that decided on a token, once its profile was known: empty where none allowed it.
std::string RuleOf(const TokenReading& reading) {
  return reading.token.ok() ? reading.token->permit->rule()
                            : policy::DenyingRule(reading.token.status());
}

std::string WordOf(const absl::Status& status) {
  if (status.ok()) return {};
  return std::string(InfoOf(ReasonOf(status).value_or(Reason::kInternal)).name);
}

}  // namespace

absl::Status CheckPermit(const policy::Permit& permit, policy::Action action,
                         std::string_view resource) {
  if (permit.action() != action || permit.resource() != resource) {
    return Error(Reason::kInternal, "the permit is for something else");
  }
  return absl::OkStatus();
}

audit::Entry EntryOf(const policy::Permit& permit, std::string_view action,
                     const RequestFacts& facts) {
  audit::Entry entry;
  entry.action = action;
  entry.actor = permit.caller().principal;
  entry.identity = permit.caller().identity;
  entry.origin = permit.caller().origin;
  entry.resource = permit.resource();
  entry.rule = permit.rule();
  entry.purpose = permit.purpose();
  entry.request_id = facts.request_id;
  entry.trace_id = facts.trace_id;
  return entry;
}

void AddItem(audit::Entry& entry, std::string resource, const absl::Status& status) {
  audit::Item& item = entry.items.emplace_back();
  item.resource = std::move(resource);
  SetItem(item, status);
}

void SetItem(audit::Item& item, const absl::Status& status) {
  item.outcome = OutcomeOf(status);
  item.reason = WordOf(status);
}

void AddReadings(audit::Entry& entry, const std::vector<TokenReading>& readings) {
  std::set<std::string> profiles;
  std::set<std::string> rules;
  std::set<std::uint32_t> data_versions;
  std::set<std::uint32_t> ff1_versions;
  for (const TokenReading& reading : readings) {
    AddItem(entry, reading.name, reading.token.status());
    if (!reading.profile.empty()) profiles.insert(reading.profile);
    if (std::string rule = RuleOf(reading); !rule.empty()) rules.insert(std::move(rule));
    if (!reading.token.ok()) continue;
    if (!reading.token->card.has_value()) continue;
    if (reading.token->row.has_value()) data_versions.insert(reading.token->row->data_version);
    if (reading.token->ff1_version != 0) ff1_versions.insert(reading.token->ff1_version);
  }
  SetOutcomeOfItems(entry);
  entry.profile = Listed(profiles);
  if (!rules.empty()) entry.rule = Listed(rules);
  for (std::size_t i = 0; rules.size() > 1 && i < readings.size(); ++i) {
    entry.items[i].rule = RuleOf(readings[i]);
  }
  if (!data_versions.empty()) entry.details["data_key_version"] = Listed(data_versions);
  if (!ff1_versions.empty()) entry.details["ff1_key_version"] = Listed(ff1_versions);
}

void AddUses(audit::Entry& entry, const std::vector<TokenUse>& uses) {
  for (std::size_t i = 0; i < uses.size(); ++i) entry.items[i].use = uses[i].ToString();
}

void AddRiskScores(audit::Entry& entry, const std::vector<std::uint32_t>& scores) {
  for (std::size_t i = 0; i < entry.items.size(); ++i) {
    entry.items[i].asserted_risk_score = RiskScoreOf(scores, i);
  }
  if (!entry.items.empty() || scores.empty()) return;
  entry.details["asserted_risk_score"] = absl::StrJoin(scores, ",");
}

void SetFailed(audit::Entry& entry, const absl::Status& status) {
  entry.outcome = OutcomeOf(status);
  entry.reason = WordOf(status);
}

void SetOutcomeOfItems(audit::Entry& entry) {
  if (entry.items.empty()) return;
  const auto success = std::find_if(
      entry.items.begin(), entry.items.end(),
      [](const audit::Item& item) { return item.outcome == audit::Outcome::kSuccess; });
  const audit::Item& decisive = success == entry.items.end() ? entry.items.front() : *success;
  entry.outcome = decisive.outcome;
  entry.reason = decisive.reason;
}

std::string Listed(const std::set<std::string>& values) {
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? "" : ",") + value;
  return text;
}

std::string Listed(const std::set<std::uint32_t>& values) {
  std::string text;
  for (const std::uint32_t value : values) {
    text += (text.empty() ? "" : ",") + std::to_string(value);
  }
  return text;
}

}  // namespace keysvc::tokenizer
