#include "pkcs11/session_pool.h"

#include <algorithm>
#include <utility>

#include "pkcs11/return_code.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::pkcs11 {

SessionPool::Lease::~Lease() {
  if (pool_ != nullptr) pool_->TakeBack(std::move(session_));
}

absl::Status SessionPool::Lease::Renew() {
  session_.reset();
  ASSIGN_OR_RETURN(session_, token_->OpenSession());
  return absl::OkStatus();
}

SessionPool::SessionPool(std::size_t bound, absl::Duration wait, absl::Duration regrow)
    : bound_(std::max<std::size_t>(bound, 1)),
      wait_(absl::ToChronoNanoseconds(std::min(wait, absl::Hours(1)))),
      regrow_(absl::ToChronoNanoseconds(regrow)) {}

absl::StatusOr<SessionPool::Lease> SessionPool::Borrow() {
  const auto deadline = Deadline();
  std::unique_lock lock(mutex_);
  for (;;) {
    const bool ready = changed_.wait_until(lock, deadline, [this] {
      return state_ == State::kShut || (state_ == State::kOpen && MayLend());
    });
    if (!ready) return Error(Reason::kHsmUnavailable, "no session of the token came free");
    if (state_ == State::kShut) return Error(Reason::kHsmUnavailable, "the token is away");

    ++lent_;
    Lease lease(this, token_, epoch_);
    if (!idle_.empty()) {
      lease.session_ = std::move(idle_.back());
      idle_.pop_back();
      return lease;
    }
    lock.unlock();
    absl::StatusOr<std::unique_ptr<Session>> session = lease.token().OpenSession();
    if (session.ok()) {
      lease.session_ = *std::move(session);
      return lease;
    }
    lock.lock();
    // The token has fewer sessions than the bound says, yet some are out: one of them will do.
    const bool others_have_some = RecoveryOf(session.status()) == Recovery::kRetry && lent_ > 1;
    if (others_have_some) {
      usable_ = lent_ - 1;
      regrows_at_ = std::chrono::steady_clock::now() + regrow_;
    }
    lock.unlock();
    { const Lease returned(std::move(lease)); }
    if (!others_have_some) return std::move(session).status();
    lock.lock();
  }
}

void SessionPool::Open(const Token& token) {
  const std::lock_guard lock(mutex_);
  token_ = &token;
  usable_ = bound_;
  ++epoch_;
  state_ = State::kOpen;
  changed_.notify_all();
}

bool SessionPool::Drain() {
  std::unique_lock lock(mutex_);
  if (state_ == State::kShut) return true;
  state_ = State::kDraining;
  if (!changed_.wait_until(lock, Deadline(), [this] { return lent_ == 0; })) {
    state_ = State::kOpen;
    changed_.notify_all();
    return false;
  }
  idle_.clear();
  return true;
}

void SessionPool::Shut() {
  const std::lock_guard lock(mutex_);
  state_ = State::kShut;
  changed_.notify_all();
}

bool SessionPool::shut() const {
  const std::lock_guard lock(mutex_);
  return state_ == State::kShut;
}

std::uint64_t SessionPool::epoch() const {
  const std::lock_guard lock(mutex_);
  return epoch_;
}

bool SessionPool::MayLend() {
  if (lent_ < usable_) return true;
  // What kept the token from opening one may have been others' sessions, which end.
  if (usable_ == bound_ || std::chrono::steady_clock::now() < regrows_at_) return false;
  ++usable_;
  return true;
}

std::chrono::steady_clock::time_point SessionPool::Deadline() const {
  return std::chrono::steady_clock::now() + wait_;
}

void SessionPool::TakeBack(std::unique_ptr<Session> session) {
  const std::lock_guard lock(mutex_);
  --lent_;
  if (session != nullptr) idle_.push_back(std::move(session));
  changed_.notify_all();
}

}  // namespace keysvc::pkcs11
