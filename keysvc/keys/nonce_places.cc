#include "keysvc/keys/nonce_places.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keysvc/keys/accepted_nonce.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

constexpr std::int64_t kMinute = 60'000;  // in milliseconds

// The first minute in which it has ended.
std::int64_t MinuteOf(std::int64_t expires_ms) {
  return expires_ms / kMinute + (expires_ms % kMinute > 0 ? 1 : 0);
}

}  // namespace

void NoncePlaces::CountStored(std::string_view principal, std::int64_t expires_ms) {
  const std::optional<std::string_view> key = AcceptedNonce::KeyOf(principal);
  if (!key.has_value()) return;
  const std::lock_guard lock(mutex_);
  AddStored(counts_[std::string(*key)], MinuteOf(expires_ms));
}

absl::StatusOr<NoncePlace> NoncePlaces::Take(const store::IdempotencyRow& row, absl::Time now) {
  const std::optional<std::string_view> key = AcceptedNonce::KeyOf(row.principal);
  if (!key.has_value()) return Error(Reason::kInternal, "a place is for an accepted nonce");
  std::string name = absl::StrCat(row.principal, " ", row.request_id);
  const std::int64_t now_ms = absl::ToUnixMillis(now);

  const std::lock_guard lock(mutex_);
  Count& count = counts_[std::string(*key)];
  while (!count.ends.empty() && count.ends.begin()->first * kMinute <= now_ms) {
    count.stored -= count.ends.begin()->second;
    count.ends.erase(count.ends.begin());
  }
  if (!count.waiting.contains(name)) {
    if (count.stored + count.not_stored >= per_key_) {
      return Error(Reason::kNoncesExhausted,
                   "as many signatures by the key are remembered as may be");
    }
    ++count.not_stored;
  }
  ++count.waiting[name].calls;
  return NoncePlace(*this, std::string(*key), std::move(name), MinuteOf(row.expires_ms));
}

void NoncePlaces::AddStored(Count& count, std::int64_t minute) {
  ++count.ends[minute];
  ++count.stored;
}

void NoncePlaces::Keep(const NoncePlace& place) {
  const std::lock_guard lock(mutex_);
  Count& count = counts_[place.key_];
  Waiting& waiting = count.waiting[place.row_];
  if (std::exchange(waiting.stored, true)) return;
  --count.not_stored;
  AddStored(count, place.minute_);
}

void NoncePlaces::Leave(const NoncePlace& place) {
  const std::lock_guard lock(mutex_);
  Count& count = counts_[place.key_];
  const auto waiting = count.waiting.find(place.row_);
  if (--waiting->second.calls > 0) return;
  if (!waiting->second.stored) --count.not_stored;
  count.waiting.erase(waiting);
}

NoncePlace::NoncePlace(NoncePlaces& places, std::string key, std::string row, std::int64_t minute)
    : places_(&places), key_(std::move(key)), row_(std::move(row)), minute_(minute) {}

NoncePlace::NoncePlace(NoncePlace&& other) noexcept
    : places_(std::exchange(other.places_, nullptr)),
      key_(std::move(other.key_)),
      row_(std::move(other.row_)),
      minute_(other.minute_) {}

NoncePlace::~NoncePlace() {
  if (places_ != nullptr) places_->Leave(*this);
}

}  // namespace keysvc::keys
