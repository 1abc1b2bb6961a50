#include "keysvc/keys/key_uses.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "status/reason.h"

namespace keysvc::keys {
namespace {

// Half of it lasts for as long as another key is being made, which no block is recorded beside;
// and a service that starts over and over does not lose a large ceiling by it.
constexpr std::uint64_t kSigningBlock = std::uint64_t{1} << 20;

}  // namespace

std::optional<UseLimits> LimitsOf(const KeyParameters& parameters, const UseLimits& sealing) {
  if (parameters.purpose == Purpose::kData) return sealing;
  const std::uint64_t most = parameters.max_signatures;
  if (most == 0) return std::nullopt;
  // A restart loses what is left of a block, or of two.
  return UseLimits{.block = std::clamp<std::uint64_t>(most / 100, 1, kSigningBlock), .stop = most};
}

void WantedBlocks::Add(const KeyVersionName& version) {
  const std::lock_guard lock(mutex_);
  versions_.insert(version);
  added_.notify_one();
}

std::set<KeyVersionName> WantedBlocks::Await(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  added_.wait(lock, std::move(stop), [this] { return !versions_.empty(); });
  return std::exchange(versions_, {});
}

KeyUses::KeyUses(KeyVersionName version, UseLimits limits, std::uint64_t taken,
                 std::uint64_t reserved, std::shared_ptr<WantedBlocks> wanted)
    : version_(std::move(version)),
      limits_(limits),
      taken_(taken),
      reserved_(reserved),
      exhausted_(taken >= limits.stop),
      wanted_(std::move(wanted)) {}

absl::Status KeyUses::Take(std::uint64_t seals) {
  std::uint64_t taken = taken_.load();
  std::uint64_t reserved = reserved_.load();
  while (seals <= reserved - taken) {
    if (!taken_.compare_exchange_weak(taken, taken + seals)) {
      reserved = reserved_.load();
      continue;
    }
    if (reserved < limits_.stop && reserved - taken - seals <= limits_.block / 2) WantBlock();
    if (taken + seals >= limits_.stop) SayExhausted();
    return absl::OkStatus();
  }
  if (reserved >= limits_.stop) {
    SayExhausted();
    return Error(Reason::kKeyUsesExhausted, "the key version was used as often as it may be");
  }
  WantBlock();
  return Error(Reason::kKeyUsesNotReserved, "the next uses of the key are not recorded yet");
}

void KeyUses::Grant(std::uint64_t reserved) {
  std::uint64_t known = reserved_.load();
  while (known < reserved && !reserved_.compare_exchange_weak(known, reserved)) {
  }
  if (known >= reserved) return;
  asked_ = false;
  const std::lock_guard lock(mutex_);
  late_ = false;
  granted_.notify_all();
}

absl::Status KeyUses::TakeWithin(std::uint64_t uses, absl::Duration within) {
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(within);
  std::unique_lock lock(mutex_);
  const std::uint64_t reserved = reserved_.load();
  while (true) {
    absl::Status taken = Take(uses);
    if (ReasonOf(taken) != Reason::kKeyUsesNotReserved || late_) return taken;
    if (granted_.wait_until(lock, deadline) == std::cv_status::timeout) {
      taken = Take(uses);
      // Who found nothing left of what was granted says nothing of the next grant.
      late_ = ReasonOf(taken) == Reason::kKeyUsesNotReserved && reserved_.load() == reserved;
      return taken;
    }
  }
}

void KeyUses::WantBlock() {
  if (!asked_.exchange(true)) wanted_->Add(version_);
}

void KeyUses::SayExhausted() {
  if (!exhausted_.exchange(true)) wanted_->Add(version_);
}

std::shared_ptr<KeyUses> UseBook::Find(const KeyVersionName& version) const {
  const std::lock_guard lock(mutex_);
  const auto found = uses_.find(version);
  return found == uses_.end() ? nullptr : found->second;
}

void UseBook::Open(const KeyRecord& made, std::uint64_t taken) {
  const std::lock_guard lock(mutex_);
  Add(made, taken);
}

void UseBook::Sync(const KeyRings& rings) {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, ring] : rings.all()) {
    for (const KeyRecord& record : ring) {
      Add(record, record.reserved_uses);
      const auto found = uses_.find(record.version.name);
      if (found != uses_.end()) found->second->Grant(record.reserved_uses);
    }
  }
}

void UseBook::Add(const KeyRecord& record, std::uint64_t taken) {
  // A version that is still being made has no uses to count; it may yet be this process that
  // finishes it.
  const auto limits = LimitsOf(record.version.parameters, limits_);
  if (!limits.has_value() || record.version.state == KeyState::kPreActivation) return;
  auto& uses = uses_[record.version.name];
  if (uses != nullptr) return;
  uses =
      std::make_shared<KeyUses>(record.version.name, *limits, taken, record.reserved_uses, wanted_);
}

}  // namespace keysvc::keys
