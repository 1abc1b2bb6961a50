#include "pkcs11/connection.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pkcs11/return_code.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::pkcs11 {
namespace {

std::chrono::nanoseconds ToChrono(absl::Duration duration) {
  return absl::ToChronoNanoseconds(std::min(duration, absl::Hours(24)));
}

// At start a token that does not answer is missing.
absl::Status AtStart(const absl::Status& status) {
  if (status.ok() || RecoveryOf(status) == Recovery::kFatal) return status;
  const absl::string_view message = status.message();
  return Error(Reason::kTokenMissing, {message.data(), message.size()});
}

// Later the caller only learns that the token is away, unless the operator has to act.
absl::Status WhileServing(const absl::Status& status) {
  if (status.ok() || ReasonOf(status) == Reason::kPinRefused) return status;
  const absl::string_view message = status.message();
  return Error(Reason::kHsmUnavailable, {message.data(), message.size()});
}

}  // namespace

Connection::Connection(const TokenOptions& options, std::unique_ptr<Module> module)
    : wait_(ToChrono(options.session_wait)),
      interval_(ToChrono(options.reinitialize_interval)),
      module_(std::move(module)),
      pin_file_(options.pin_file, options.pin_marker_file),
      identity_{options.token_label, {}},
      pool_(options.sessions + options.spare_sessions, options.session_wait,
            options.session_regrow) {}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const TokenOptions& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<Module> module,
                   Module::Load(options.module_path, options.module_arguments));
  std::unique_ptr<Connection> connection(new Connection(options, std::move(module)));
  RETURN_IF_ERROR(AtStart(connection->module_->Initialize()));
  connection->initializations_ = 1;
  RETURN_IF_ERROR(AtStart(connection->LogIn()));
  ASSIGN_OR_RETURN(connection->capabilities_, connection->token_->ProbeCapabilities());
  return connection;
}

Connection::~Connection() {
  pool_.Drain();
  token_.reset();
}

absl::StatusOr<SessionPool::Lease> Connection::Borrow() {
  if (pool_.shut()) RETURN_IF_ERROR(Recover(pool_.epoch(), Rung::kReinitialize));
  return pool_.Borrow();
}

absl::Status Connection::Recover(std::uint64_t epoch, Rung rung) {
  std::unique_lock lock(recovering_, std::defer_lock);
  if (!lock.try_lock_for(wait_)) {
    return Error(Reason::kHsmUnavailable, "the token is being recovered");
  }
  if (pool_.epoch() != epoch) return absl::OkStatus();
  if (pool_.shut()) {
    // A log-in that was refused wants another PIN, not another start of the library.
    rung = ReasonOf(down_because_) == Reason::kPinRefused ? Rung::kLogInAgain : Rung::kReinitialize;
  }
  if (rung == Rung::kReinitialize && !MayReinitialize()) {
    return pool_.shut() ? down_because_
                        : Error(Reason::kHsmUnavailable, "the token fails again and again");
  }
  if (!pool_.Drain()) {
    return Error(Reason::kHsmUnavailable, "calls to the token do not come back");
  }
  absl::Status status;
  if (rung == Rung::kLogInAgain) {
    status = LogIn();
    if (status.ok()) return status;
  }
  if (ReasonOf(status) != Reason::kPinRefused && MayReinitialize()) status = Reinitialize();
  if (!status.ok()) {
    down_because_ = WhileServing(status);
    pool_.Shut();
    return down_because_;
  }
  return status;
}

absl::Status Connection::LogIn() {
  token_.reset();
  ASSIGN_OR_RETURN(token_, Token::LogIn(module_->functions(), identity_, pin_file_));
  identity_ = token_->identity();
  pool_.Open(*token_);
  return absl::OkStatus();
}

absl::Status Connection::Reinitialize() {
  last_reinitialize_ = std::chrono::steady_clock::now();
  token_.reset();
  module_->Finalize();
  RETURN_IF_ERROR(module_->Initialize());
  ++initializations_;
  return LogIn();
}

bool Connection::MayReinitialize() const {
  return !last_reinitialize_ || std::chrono::steady_clock::now() - *last_reinitialize_ >= interval_;
}

}  // namespace keysvc::pkcs11
