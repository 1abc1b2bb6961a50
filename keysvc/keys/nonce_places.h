#ifndef KEYSVC_KEYSVC_KEYS_NONCE_PLACES_H_
#define KEYSVC_KEYSVC_KEYS_NONCE_PLACES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "store/rows.h"

namespace keysvc::keys {

class NoncePlace;

// The places for what is accepted once (AcceptedNonce): so many for a key, a partner's too, that
// have not ended. Whoever may have signatures verified fills the store no further than that, and
// what finds no place is not accepted, since nobody could tell it from a replay later.
//
// Counted in memory, and anew at a start, because the store could only count a key's rows by
// reading all of them. Places are taken before the row is written and given back when it was not,
// so that no race takes one too many. They end in whole minutes, as the rows do: a key's take no
// more memory than there are minutes to end in. A row that is written after it was unknown whether
// it had been counts twice, until its end or the next start. Thread-safe.
class NoncePlaces {
 public:
  static constexpr std::size_t kPerKey = 1'000'000;
  explicit NoncePlaces(std::size_t per_key = kPerKey) : per_key_(per_key) {}

  // A row that is in the store; one that is of no accepted nonce takes no place.
  void CountStored(std::string_view principal, std::int64_t expires_ms);

  // For a row that is about to be written, by the clock that the store's writer goes by
  // (Journal::UnsteppedTime). Calls that would write the same row share a place.
  // RESOURCE_EXHAUSTED/NONCES_EXHAUSTED when the key has none left. The places outlive it.
  absl::StatusOr<NoncePlace> Take(const store::IdempotencyRow& row, absl::Time now);

 private:
  friend class NoncePlace;
  struct Waiting {
    std::size_t calls = 0;
    bool stored = false;  // by one of them, and counted there
  };
  struct Count {
    std::map<std::int64_t, std::size_t> ends;  // of what is stored, by the minute of its end
    std::size_t stored = 0;
    std::map<std::string, Waiting> waiting;  // by principal and request id
    std::size_t not_stored = 0;              // of those that wait
  };
  static void AddStored(Count& count, std::int64_t minute);
  void Keep(const NoncePlace& place);
  void Leave(const NoncePlace& place);

  const std::size_t per_key_;
  std::mutex mutex_;
  std::map<std::string, Count, std::less<>> counts_;  // by key; nothing is ever taken out
};

// A place, given back when this goes unless it was kept. Not thread-safe.
class NoncePlace {
 public:
  ~NoncePlace();
  NoncePlace(NoncePlace&& other) noexcept;
  NoncePlace& operator=(NoncePlace&&) = delete;
  NoncePlace(const NoncePlace&) = delete;
  NoncePlace& operator=(const NoncePlace&) = delete;

  // The row was written, or may have been: the place is taken until its end.
  void Keep() { places_->Keep(*this); }

 private:
  friend class NoncePlaces;
  NoncePlace(NoncePlaces& places, std::string key, std::string row, std::int64_t minute);

  NoncePlaces* places_;  // null once it was moved from
  std::string key_;
  std::string row_;
  std::int64_t minute_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_NONCE_PLACES_H_
