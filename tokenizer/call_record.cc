#include "tokenizer/call_record.h"

#include <algorithm>

#include "status/reason.h"

namespace keysvc::tokenizer {
namespace {

audit::Outcome OutcomeOf(const absl::Status& status) {
  if (status.ok()) return audit::Outcome::kSuccess;
  return IsDenial(ReasonOf(status).value_or(Reason::kInternal)) ? audit::Outcome::kDenied
                                                                : audit::Outcome::kFailed;
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
  entry.items.push_back({std::move(resource), OutcomeOf(status), WordOf(status)});
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
