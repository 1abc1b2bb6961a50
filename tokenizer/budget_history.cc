#include "tokenizer/budget_history.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_split.h"
#include "audit/leaf.h"
#include "audit/recorded_entry.h"
#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/account_reference.h"
#include "tokenizer/ff1_token.h"
#include "tokenizer/held_keys.h"
#include "tokenizer/opaque_token.h"
#include "tokenizer/token_row.h"
#include "tokenizer/tokenizer.h"

namespace keysvc::tokenizer {
namespace {

constexpr std::size_t kRowsAtOnce = 512;
constexpr std::int64_t kNoHandle = 0;  // they start with 1
constexpr std::uint64_t kMostRecordsOfGuesses = 200'000;
constexpr std::size_t kMostTokensOfGuesses = 100'000;  // of one caller and profile

constexpr std::string_view kService = "TokenService";

// What the caller of a recorded call had the right to do.
std::optional<policy::Action> ActionOf(const audit::Entry& record) {
  return policy::ActionNamed(std::string_view(record.action).substr(kService.size() + 1));
}

// What will open again once the HSM is back must not be forgotten.
bool IsAway(const absl::Status& status) { return ReasonOf(status) == Reason::kHsmUnavailable; }

struct Told {
  absl::Time time;
  std::string token;
};

// The longest window that misses and reveals are counted in.
absl::Duration LongestWindow(const policy::Policy& policy) {
  absl::Duration longest = absl::Hours(1);
  for (const policy::Rule& rule : policy.rules) {
    for (const policy::Budget& budget : rule.limits.reveals) {
      longest = std::max(longest, budget.window);
    }
    if (rule.limits.distinct_cards.has_value()) {
      longest = std::max(longest, rule.limits.distinct_cards->window);
    }
  }
  return longest;
}

// From when on records are read. For guesses that is bounded, since a start must not take minutes.
absl::StatusOr<absl::Time> StartOf(store::Store& store, const policy::Policy& policy,
                                   absl::Time now) {
  ASSIGN_OR_RETURN(const store::FrontierRow frontier, store.ReadFrontier());
  absl::Time of_guesses = now - LookAlikes::kWindow;
  if (frontier.size > kMostRecordsOfGuesses) {
    ASSIGN_OR_RETURN(const auto leaves, store.ReadLeaves(frontier.size - kMostRecordsOfGuesses, 1));
    if (leaves.size() != 1) return Error(Reason::kIntegrityFailure, "a record is missing");
    ASSIGN_OR_RETURN(const absl::Time time, audit::TimeOf(leaves.front()));
    of_guesses = std::max(of_guesses, time);
  }
  return std::min(of_guesses, now - LongestWindow(policy));
}

std::optional<policy::Budget> DistinctCardsOf(const policy::Policy& policy,
                                              std::string_view rule_id) {
  for (const policy::Rule& rule : policy.rules) {
    if (rule.id == rule_id) return rule.limits.distinct_cards;
  }
  return std::nullopt;
}

class History {
 public:
  History(store::Store& store, const Profiles& profiles, KeySource& keys,
          const policy::Policy& policy, Budgets& budgets)
      : store_(store), profiles_(profiles), keys_(keys), policy_(policy), budgets_(budgets) {}

  void Count(const audit::Entry& record, absl::Time time) {
    // A kept answer reads nothing and makes nothing.
    if (record.details.contains("repetition")) return;
    const std::optional<policy::Action> action = ActionOf(record);
    if (!action.has_value()) return;
    if (policy::MeetsGuesses(*action)) NoteTold(record, time);
    if (!policy::MeetsMisses(*action)) return;
    for (const audit::Item& item : record.items) {
      const bool missed = IsMiss(item.reason);
      const bool found = item.outcome == audit::Outcome::kSuccess;
      if (found || missed) budgets_.AddLookUp(record.actor, *action, missed, time);
      if (found && policy::MeetsReveals(*action)) CountReveal(record, item, time);
    }
  }

  // Of a conversion it is the source that was opened, under a rule of its own.
  void CountReveal(const audit::Entry& record, const audit::Item& item, absl::Time time) {
    const auto source_rule = record.details.find("source_rule");
    const bool converted = source_rule != record.details.end();
    const std::string& of_all = converted ? source_rule->second : record.rule;
    const std::string& rule = item.rule.empty() ? of_all : item.rule;
    budgets_.AddReveal(record.actor, rule, converted ? item.source : item.resource,
                       DistinctCardsOf(policy_, rule), time);
  }

  absl::Status CountTold() {
    for (const auto& [whose, tokens] : told_) {
      const auto& [principal, resource] = whose;
      const auto profile = profiles_.Find(resource);
      if (!profile.ok()) continue;
      if ((*profile)->family == Family::kFf1) {
        RETURN_IF_ERROR(CountComputed(principal, **profile, tokens));
      } else {
        RETURN_IF_ERROR(CountStored(principal, **profile, tokens));
      }
    }
    return absl::OkStatus();
  }

 private:
  // A call may be about tokens of several profiles, which opaque ones do not show: then each is
  // looked for in all of them.
  void NoteTold(const audit::Entry& record, absl::Time time) {
    for (const auto name : absl::StrSplit(record.profile, ',')) {
      NoteToldOf(std::string(name), record, time);
    }
  }

  void NoteToldOf(const std::string& resource, const audit::Entry& record, absl::Time time) {
    const auto profile = profiles_.Find(resource);
    if (!profile.ok() || (*profile)->ComparesCardsAmong().empty()) return;
    std::deque<Told>& tokens = told_[{record.actor, resource}];
    for (const audit::Item& item : record.items) {
      const auto name = TokenName::Parse(item.resource);
      if (item.outcome != audit::Outcome::kSuccess || !name.ok()) continue;
      tokens.push_back({time, name->token});
      if (tokens.size() > kMostTokensOfGuesses) tokens.pop_front();
    }
  }

  absl::Status CountComputed(const std::string& principal, const Profile& profile,
                             const std::deque<Told>& tokens) {
    const auto key = keys_.Ff1OpeningKey(profile);
    if (IsAway(key.status())) return key.status();
    if (!key.ok()) return absl::OkStatus();
    for (const Told& told : tokens) {
      const auto card = OpenFf1Token(profile, told.token, *key->key);
      if (!card.ok()) continue;
      RETURN_IF_ERROR(CountGuess(principal, profile, card->pan, told.token, told.time));
    }
    return absl::OkStatus();
  }

  absl::Status CountStored(const std::string& principal, const Profile& profile,
                           const std::deque<Told>& tokens) {
    for (std::size_t first = 0; first < tokens.size(); first += kRowsAtOnce) {
      const std::vector<Told> some(tokens.begin() + static_cast<std::ptrdiff_t>(first),
                                   tokens.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                        first + kRowsAtOnce, tokens.size())));
      ASSIGN_OR_RETURN(const auto rows, RowsOf(profile, some));
      for (std::size_t i = 0; i < rows.size(); ++i) {
        if (!rows[i].has_value() || rows[i]->profile != profile.number ||
            StateOf(*rows[i]) == TokenState::kDeleted) {
          continue;
        }
        const auto data_key = keys_.DataKey(profile, rows[i]->data_version);
        if (IsAway(data_key.status())) return data_key.status();
        if (!data_key.ok()) continue;
        const auto opened = OpenRow(*rows[i], **data_key);
        if (!opened.ok()) continue;
        RETURN_IF_ERROR(
            CountGuess(principal, profile, opened->card.pan, rows[i]->pan_index, some[i].time));
      }
    }
    return absl::OkStatus();
  }

  // `card` stands for the card where no account reference does.
  absl::Status CountGuess(const std::string& principal, const Profile& profile, const Pan& pan,
                          std::string_view card, absl::Time time) {
    HeldKeys keys(profile, keys_);
    const auto reference = AccountReferenceOf(pan, profile, keys);
    if (IsAway(reference.status())) return reference.status();
    if (!reference.ok()) return absl::OkStatus();
    budgets_.AddGuess({principal, profile.ComparesCardsAmong(),
                       reference->empty() ? card : *reference, pan.ShownDigits()},
                      time);
    return absl::OkStatus();
  }

  // Row by row in the order of the tokens; nullopt where there is none any more.
  absl::StatusOr<std::vector<std::optional<store::TokenRow>>> RowsOf(
      const Profile& profile, const std::vector<Told>& tokens) {
    if (IsDrawn(profile.family)) {
      std::vector<std::string> digits;
      digits.reserve(tokens.size());
      for (const Told& told : tokens) digits.push_back(told.token);
      return store_.FindTokensByDigits(profile.tenant, profile.number, digits);
    }
    std::vector<std::int64_t> handles;
    handles.reserve(tokens.size());
    for (const Told& told : tokens) {
      const auto content = Decode(profile, told.token);
      if (IsAway(content.status())) return content.status();
      handles.push_back(content.ok() ? content->handle : kNoHandle);
    }
    return store_.FindTokens(handles);
  }

  absl::StatusOr<TokenContent> Decode(const Profile& profile, const std::string& token) {
    ASSIGN_OR_RETURN(const std::uint32_t version, TokenKeyVersion(token));
    ASSIGN_OR_RETURN(const auto key, keys_.TokenKey(profile.tenant, version));
    return DecodeOpaqueToken(token, profile.tenant, *key);
  }

  store::Store& store_;
  const Profiles& profiles_;
  KeySource& keys_;
  const policy::Policy& policy_;
  Budgets& budgets_;
  std::map<std::pair<std::string, std::string>, std::deque<Told>> told_;  // by actor and profile
};

}  // namespace

absl::Status RecountBudgets(store::Store& store, const Profiles& profiles, KeySource& keys,
                            const policy::Policy& policy, absl::Time now, Budgets& budgets) {
  History history(store, profiles, keys, policy, budgets);
  ASSIGN_OR_RETURN(const absl::Time start, StartOf(store, policy, now));
  RETURN_IF_ERROR(audit::VisitEntriesSince(store, start, kService,
                                           [&](absl::Time time, const audit::Entry& record) {
                                             history.Count(record, std::min(time, now));
                                             return absl::OkStatus();
                                           }));
  return history.CountTold();
}

}  // namespace keysvc::tokenizer
