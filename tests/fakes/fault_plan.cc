#include "tests/fakes/fault_plan.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "pkcs11/return_code.h"
#include "status/abseil.h"
#include "status/reason.h"
#include "tests/fakes/cryptoki_functions.h"

namespace keysvc::testing {
namespace {

using Words = std::vector<std::string>;

#define KEYSVC_NAME(function) #function,
constexpr std::string_view kFunctions[] = {KEYSVC_CRYPTOKI_FUNCTIONS(KEYSVC_NAME)};
#undef KEYSVC_NAME

constexpr std::pair<std::string_view, CK_FLAGS> kFlags[] = {
    {"CKF_USER_PIN_COUNT_LOW", CKF_USER_PIN_COUNT_LOW},
    {"CKF_USER_PIN_FINAL_TRY", CKF_USER_PIN_FINAL_TRY},
    {"CKF_USER_PIN_LOCKED", CKF_USER_PIN_LOCKED}};

bool ParseFunction(const std::string& word, FaultRule& rule) {
  rule.function = word;
  return word == "*" ||
         std::find(std::begin(kFunctions), std::end(kFunctions), word) != std::end(kFunctions);
}

bool ParseCalls(const std::string& word, FaultRule& rule) {
  if (word == "*") return true;
  const std::size_t dots = word.find("..");
  const std::string first = word.substr(0, dots);
  const std::string last = dots == std::string::npos ? first : word.substr(dots + 2);
  return absl::SimpleAtoi(first, &rule.first) && absl::SimpleAtoi(last, &rule.last) &&
         rule.first >= 1 && rule.first <= rule.last;
}

bool ParseCode(const std::string& word, FaultRule& rule) {
  const auto codes = pkcs11::AllReturnCodes();
  const auto found = std::find_if(codes.begin(), codes.end(),
                                  [&word](const auto& code) { return code.name == word; });
  if (found == codes.end() || found->code == CKR_OK) return false;
  rule.code = found->code;
  return true;
}

bool ParseAction(const std::string& action, const std::string& argument, FaultRule& rule) {
  if (action == "return" || action == "lose") {
    rule.action = action == "return" ? FaultAction::kReturn : FaultAction::kLose;
    return ParseCode(argument, rule);
  }
  if (action == "delay") {
    std::int64_t milliseconds = 0;
    rule.action = FaultAction::kDelay;
    const bool number = absl::SimpleAtoi(argument, &milliseconds) && milliseconds >= 0;
    rule.delay = std::chrono::milliseconds(milliseconds);
    return number;
  }
  if (action == "hang") {
    rule.action = FaultAction::kHang;
    rule.file = argument;
    return true;
  }
  if (action == "kill") {
    rule.action = argument == "before" ? FaultAction::kKillBefore : FaultAction::kKillAfter;
    return argument == "before" || argument == "after";
  }
  if (action == "flags") {
    rule.action = FaultAction::kFlags;
    const auto found = std::find_if(std::begin(kFlags), std::end(kFlags),
                                    [&](const auto& flag) { return flag.first == argument; });
    if (found == std::end(kFlags)) return false;
    rule.flags = found->second;
    return true;
  }
  return false;
}

bool ParseChance(const std::string& word, FaultRule& rule) {
  if (word.starts_with("p=")) {
    return absl::SimpleAtod(word.substr(2), &rule.probability) && rule.probability >= 0 &&
           rule.probability <= 1;
  }
  return word.starts_with("seed=") && absl::SimpleAtoi(word.substr(5), &rule.seed);
}

bool ParseRule(const Words& words, FaultRule& rule) {
  return words.size() >= 4 && ParseFunction(words[0], rule) && ParseCalls(words[1], rule) &&
         ParseAction(words[2], words[3], rule) &&
         std::all_of(words.begin() + 4, words.end(),
                     [&rule](const std::string& word) { return ParseChance(word, rule); });
}

}  // namespace

absl::StatusOr<std::vector<FaultRule>> ParseFaultRules(std::string_view text) {
  std::vector<FaultRule> rules;
  std::size_t number = 0;
  for (const absl::string_view line : absl::StrSplit(ToAbsl(text), '\n')) {
    ++number;
    const Words words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (words.empty() || words.front().starts_with('#')) continue;
    FaultRule rule;
    if (!ParseRule(words, rule)) {
      return Error(Reason::kConfigInvalid, absl::StrCat("line ", number, " is no rule"));
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

FaultPlan::FaultPlan(std::vector<FaultRule> rules) {
  for (FaultRule& rule : rules) Add(std::move(rule));
}

void FaultPlan::Add(FaultRule rule) {
  const std::uint64_t seed = rule.seed;
  armed_.push_back({std::move(rule), 0, std::mt19937_64(seed)});
}

void FaultPlan::Remove(std::string_view function, FaultAction action) {
  std::erase_if(armed_, [&](const Armed& armed) {
    return armed.rule.function == function && armed.rule.action == action;
  });
}

void FaultPlan::Meet(std::string_view function, Fault& fault) {
  for (Armed& armed : armed_) {
    const FaultRule& rule = armed.rule;
    if (rule.function != "*" && rule.function != function) continue;
    ++armed.calls;
    if (armed.calls < rule.first || armed.calls > rule.last) continue;
    if (rule.probability < 1 &&
        std::uniform_real_distribution<>()(armed.random) >= rule.probability) {
      continue;
    }
    switch (rule.action) {
      case FaultAction::kReturn:
        if (fault.instead == CKR_OK) fault.instead = rule.code;
        break;
      case FaultAction::kLose:
        if (fault.afterwards == CKR_OK) fault.afterwards = rule.code;
        break;
      case FaultAction::kDelay:
        fault.delay += rule.delay;
        break;
      case FaultAction::kHang:
        fault.hang_on.push_back(rule.file);
        break;
      case FaultAction::kKillBefore:
        fault.kill_before = true;
        break;
      case FaultAction::kKillAfter:
        fault.kill_after = true;
        break;
      case FaultAction::kFlags:
        fault.flags |= rule.flags;
        break;
    }
  }
}

}  // namespace keysvc::testing
