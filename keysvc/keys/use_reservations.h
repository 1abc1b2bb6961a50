#ifndef KEYSVC_KEYSVC_KEYS_USE_RESERVATIONS_H_
#define KEYSVC_KEYSVC_KEYS_USE_RESERVATIONS_H_

#include <functional>
#include <memory>
#include <set>
#include <stop_token>
#include <string_view>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keysvc/keys/key_registry.h"

namespace keysvc::keys {

// Keeps uses of keys reserved ahead of those who need them, on a thread of its own: a block is
// asked for when half of the last one is left. What fails is tried again after `retry`.
class UseReservations {
 public:
  // Gives every version that seals a block to start with, and blocks until that is durable; one
  // that signs gets its next block with its next signature. The registry outlives this. `alarm` is
  // told of every version that should be rotated (KEY_USES_DUE) or that must not be used any more
  // (KEY_USES_EXHAUSTED): at the start, then of the one with each block from four fifths on, and
  // once of the other when the last use was taken or one was refused.
  using Alarm = std::function<void(std::string_view word, std::string_view version)>;
  static absl::StatusOr<std::unique_ptr<UseReservations>> Start(
      KeyRegistry& registry, Alarm alarm, absl::Duration retry = absl::Seconds(1));
  // Ends the thread.
  ~UseReservations();
  UseReservations(const UseReservations&) = delete;
  UseReservations& operator=(const UseReservations&) = delete;

 private:
  UseReservations(KeyRegistry& registry, Alarm alarm, absl::Duration retry);
  absl::Status Reserve(const KeyVersionName& version);
  void WarnDue(const KeyVersionName& version, const KeyUses& uses) const;
  void WarnExhausted(const KeyVersionName& version, const KeyUses& uses);
  void Run(const std::stop_token& stop);

  KeyRegistry& registry_;
  const Alarm alarm_;
  const absl::Duration retry_;
  std::set<KeyVersionName> exhausted_;  // of which the alarm was told; of the thread, once it runs
  std::jthread thread_;                 // last: it uses all the others
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_USE_RESERVATIONS_H_
