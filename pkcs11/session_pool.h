#ifndef KEYSVC_PKCS11_SESSION_POOL_H_
#define KEYSVC_PKCS11_SESSION_POOL_H_

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "pkcs11/session.h"
#include "pkcs11/token.h"

namespace keysvc::pkcs11 {

// At most `bound` sessions with a token, opened when first needed, lent to one caller each. It also
// keeps calls out while the token is logged in to anew: Drain(), then Open() or Shut().
// Thread-safe.
class SessionPool {
 public:
  // A session on loan, given back when the object goes.
  class Lease {
   public:
    Lease(Lease&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)),
          token_(other.token_),
          epoch_(other.epoch_),
          session_(std::move(other.session_)) {}
    Lease& operator=(Lease&&) = delete;
    ~Lease();

    Session& operator*() { return *session_; }
    Session* operator->() { return session_.get(); }
    const Token& token() const { return *token_; }
    // Which log-in the session belongs to; object handles are good within one only.
    std::uint64_t epoch() const { return epoch_; }
    // Closes the session rather than keep it: nobody knows what is active in it after an error.
    void Discard() { session_.reset(); }
    // Another session in place of one that failed.
    absl::Status Renew();

   private:
    friend class SessionPool;
    Lease(SessionPool* pool, const Token* token, std::uint64_t epoch)
        : pool_(pool), token_(token), epoch_(epoch) {}

    SessionPool* pool_;
    const Token* token_;
    std::uint64_t epoch_;
    std::unique_ptr<Session> session_;
  };

  // Shut until Open() is called. While the token gives fewer sessions than the bound, one more is
  // tried every `regrow`.
  SessionPool(std::size_t bound, absl::Duration wait, absl::Duration regrow = absl::Seconds(5));

  // UNAVAILABLE/HSM_UNAVAILABLE when no session comes free within `wait`, or the pool is shut.
  absl::StatusOr<Lease> Borrow();

  // Lends sessions of `token`, which must live until the next Drain(); a new epoch begins.
  void Open(const Token& token);
  // Lends nothing more, waits up to `wait` for all loans and closes all sessions. False, and open
  // again, when a loan does not come back.
  bool Drain();
  // After Drain(): every Borrow() fails at once, until Open().
  void Shut();

  bool shut() const;
  std::uint64_t epoch() const;

 private:
  enum class State { kOpen, kDraining, kShut };

  std::chrono::steady_clock::time_point Deadline() const;
  // Whether the next caller gets a session; the mutex is held.
  bool MayLend();
  void TakeBack(std::unique_ptr<Session> session);

  const std::size_t bound_;
  const std::chrono::nanoseconds wait_;
  const std::chrono::nanoseconds regrow_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t usable_ = 0;  // the bound, or fewer when the token has fewer
  std::chrono::steady_clock::time_point regrows_at_;  // while it has fewer
  State state_ = State::kShut;
  const Token* token_ = nullptr;
  std::uint64_t epoch_ = 0;
  std::size_t lent_ = 0;
  std::vector<std::unique_ptr<Session>> idle_;
};

}  // namespace keysvc::pkcs11

#endif  // KEYSVC_PKCS11_SESSION_POOL_H_
