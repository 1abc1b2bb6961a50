#include "tokenizer/budgets.h"

#include <algorithm>

#include "status/macros.h"

namespace keysvc::tokenizer {
namespace {

constexpr absl::Duration kMissWindow = absl::Hours(1);

std::pair<std::string, std::string> PairOf(std::string_view principal, std::string_view other) {
  return {std::string(principal), std::string(other)};
}

}  // namespace

bool IsMiss(std::string_view reason) {
  return reason == InfoOf(Reason::kTokenNotFound).name ||
         reason == InfoOf(Reason::kCardNotTokenized).name ||
         reason == InfoOf(Reason::kDomainMismatch).name;
}

absl::Status Budgets::CheckMisses(const policy::Permit& permit, absl::Time now) {
  const std::lock_guard lock(mutex_);
  return MissesLeft(permit, LookUpsBy(permit.caller().principal, permit.action()), now);
}

absl::Status Budgets::CountLookUp(const policy::Permit& permit, const absl::Status& outcome,
                                  absl::Time now) {
  const std::optional<Reason> reason = ReasonOf(outcome);
  const bool missed = reason.has_value() && IsMiss(InfoOf(*reason).name);
  const std::lock_guard lock(mutex_);
  LookUps& look_ups = LookUpsBy(permit.caller().principal, permit.action());
  RETURN_IF_ERROR(MissesLeft(permit, look_ups, now));
  if (outcome.ok() || missed) look_ups.all.Add(now);
  if (missed) look_ups.missed.Add(now);
  return absl::OkStatus();
}

Budgets::LookUps& Budgets::LookUpsBy(std::string_view principal, policy::Action action) {
  auto look_ups = look_ups_.find(principal);
  if (look_ups == look_ups_.end()) look_ups = look_ups_.try_emplace(std::string(principal)).first;
  const bool of_cards = action == policy::Action::kLookUpToken;
  return of_cards ? look_ups->second.cards : look_ups->second.tokens;
}

absl::Status Budgets::MissesLeft(const policy::Permit& permit, LookUps& look_ups, absl::Time now) {
  const policy::MissLimit& limit = permit.limits().misses;
  const std::uint64_t missed = look_ups.missed.Within(kMissWindow, now);
  if (missed < limit.count) return absl::OkStatus();
  if (missed < look_ups.all.Within(kMissWindow, now) * limit.percent / 100) {
    return absl::OkStatus();
  }
  return Error(Reason::kMissesExhausted,
               permit.action() == policy::Action::kLookUpToken
                   ? "too many cards that have no token; none is looked up"
                   : "too many tokens that there are not; no token is read");
}

absl::Status Budgets::CheckReveal(const policy::Permit& permit, std::string_view token,
                                  absl::Time now) {
  const policy::Limits& limits = permit.limits();
  if (limits.reveals.empty() && !limits.distinct_cards.has_value()) return absl::OkStatus();
  const std::lock_guard lock(mutex_);
  return RevealsLeft(limits, reveals_[{permit.caller().principal, permit.rule()}], token, now);
}

absl::Status Budgets::TakeReveal(const policy::Permit& permit, std::string_view token,
                                 absl::Time now) {
  const std::lock_guard lock(mutex_);
  Reveals& reveals = reveals_[{permit.caller().principal, permit.rule()}];
  RETURN_IF_ERROR(RevealsLeft(permit.limits(), reveals, token, now));
  reveals.all.Add(now);
  if (const auto& cards = permit.limits().distinct_cards; cards.has_value()) {
    reveals.cards.Add(token, *cards, now);
  }
  return absl::OkStatus();
}

absl::Status Budgets::RevealsLeft(const policy::Limits& limits, Reveals& reveals,
                                  std::string_view token, absl::Time now) {
  if (reveals.all.Left(limits.reveals, now) == 0) {
    return Error(Reason::kRevealsExhausted, "the rule lets no more cards be revealed for now");
  }
  if (limits.distinct_cards.has_value() &&
      !reveals.cards.Admit(token, *limits.distinct_cards, now)) {
    return Error(Reason::kRevealsExhausted, "the rule lets no other cards be revealed for now");
  }
  return absl::OkStatus();
}

absl::Status Budgets::TakeGuess(const Guess& guess, const policy::GuessLimit& limit,
                                absl::Time now) {
  const std::lock_guard lock(mutex_);
  LookAlikes& cards = look_alikes_[PairOf(guess.principal, guess.among)];
  if (!cards.Admit(guess.card, guess.masked, limit, now)) {
    return Error(Reason::kGuessesExhausted, "too many cards that look like this one");
  }
  cards.Add(guess.card, guess.masked, now);
  return absl::OkStatus();
}

void Budgets::AddLookUp(std::string_view principal, policy::Action action, bool missed,
                        absl::Time time) {
  const std::lock_guard lock(mutex_);
  LookUps& look_ups = LookUpsBy(principal, action);
  look_ups.all.Add(time);
  if (missed) look_ups.missed.Add(time);
}

void Budgets::AddReveal(std::string_view principal, std::string_view rule, std::string_view token,
                        const std::optional<policy::Budget>& distinct, absl::Time time) {
  const std::lock_guard lock(mutex_);
  Reveals& reveals = reveals_[PairOf(principal, rule)];
  reveals.all.Add(time);
  if (distinct.has_value()) reveals.cards.Add(token, *distinct, time);
}

void Budgets::AddGuess(const Guess& guess, absl::Time time) {
  const std::lock_guard lock(mutex_);
  look_alikes_[PairOf(guess.principal, guess.among)].Add(guess.card, guess.masked, time);
}

}  // namespace keysvc::tokenizer
