#ifndef KEYSVC_PKCS11_CALL_THREADS_H_
#define KEYSVC_PKCS11_CALL_THREADS_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "status/macros.h"

namespace keysvc::pkcs11 {

// Threads that make calls to a token for callers who wait only so long. Nothing can end a call that
// hangs inside a vendor's library: its thread is lost until the call comes back, and others take
// its place, at most as many again as may work at once.
//
// Once a call has been given up, one call at a time is let through, until any comes back; the
// others are refused at once, so that nothing queues up behind a token that does not answer.
// Thread-safe.
class CallThreads {
 public:
  // `at_once` calls are made at the same time; another waits up to `wait` for its turn.
  CallThreads(std::size_t at_once, absl::Duration wait);
  // Waits a moment for calls that were given up, and for the ends of the threads. The threads that
  // hang all the same are left to themselves, with what their calls hold.
  ~CallThreads();
  CallThreads(const CallThreads&) = delete;
  CallThreads& operator=(const CallThreads&) = delete;

  // Whether a call was given up since any came back: the token seems not to answer.
  bool silent() const;

  // What `call` gives; UNAVAILABLE/HSM_UNAVAILABLE when it got no turn, or did not come back within
  // `patience`. It may still be running then, so it must own all that it uses.
  template <typename Result>
  Result Run(absl::AnyInvocable<Result()> call, absl::Duration patience) {
    auto result = std::make_shared<std::optional<Result>>();
    RETURN_IF_ERROR(
        Perform([result, call = std::move(call)]() mutable { result->emplace(call()); }, patience));
    return std::move(**result);
  }

 private:
  struct State;
  using Work = absl::AnyInvocable<void()>;

  absl::Status Perform(Work work, absl::Duration patience);
  static void Serve(State& state);

  // The threads' as well: one that hangs outlives this object.
  const std::shared_ptr<State> state_;
};

}  // namespace keysvc::pkcs11

#endif  // KEYSVC_PKCS11_CALL_THREADS_H_
