#include "keysvc/keys/key_uses.h"

#include <utility>

#include "status/reason.h"

namespace keysvc::keys {

bool CountsUses(Purpose purpose) { return purpose == Purpose::kData; }

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
      wanted_(std::move(wanted)) {}

absl::Status KeyUses::Take(std::uint64_t seals) {
  std::uint64_t taken = taken_.load();
  std::uint64_t reserved = reserved_.load();
  while (seals <= reserved - taken) {
    if (!taken_.compare_exchange_weak(taken, taken + seals)) {
      reserved = reserved_.load();
      continue;
    }
    if (reserved < limits_.stop && reserved - taken - seals < limits_.block / 2) WantBlock();
    return absl::OkStatus();
  }
  if (reserved >= limits_.stop) {
    return Error(Reason::kKeyUsesExhausted, "the key version must not encrypt any more");
  }
  WantBlock();
  return Error(Reason::kKeyUsesNotReserved, "the next uses of the key are not recorded yet");
}

void KeyUses::Grant(std::uint64_t reserved) {
  std::uint64_t known = reserved_.load();
  while (known < reserved && !reserved_.compare_exchange_weak(known, reserved)) {
  }
  if (known < reserved) asked_ = false;
}

void KeyUses::WantBlock() {
  if (!asked_.exchange(true)) wanted_->Add(version_);
}

std::shared_ptr<KeyUses> UseBook::Find(const KeyVersionName& version) const {
  const std::lock_guard lock(mutex_);
  const auto found = uses_.find(version);
  return found == uses_.end() ? nullptr : found->second;
}

void UseBook::Open(const KeyRecord& made) {
  const std::lock_guard lock(mutex_);
  Add(made, 0);
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
  if (!CountsUses(record.version.parameters.purpose) ||
      record.version.state == KeyState::kPreActivation) {
    return;
  }
  auto& uses = uses_[record.version.name];
  if (uses != nullptr) return;
  uses =
      std::make_shared<KeyUses>(record.version.name, limits_, taken, record.reserved_uses, wanted_);
}

}  // namespace keysvc::keys
