#ifndef KEYSVC_PKCS11_CONNECTION_H_
#define KEYSVC_PKCS11_CONNECTION_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pkcs11/cryptoki_hsm.h"
#include "pkcs11/module.h"
#include "pkcs11/pin_file.h"
#include "pkcs11/session_pool.h"
#include "pkcs11/token.h"

namespace keysvc::pkcs11 {

// The rungs of recovery, each stronger than the one before.
enum class Rung { kNewSession, kLogInAgain, kReinitialize, kGiveUp };

// The way to one token: library, log-in and sessions, and what brings them back. While a recovery
// runs, no call is in the library. Thread-safe.
class Connection {
 public:
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const TokenOptions& options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // A session that is logged in. When the token was lost, tries to get it back first, as often as
  // the interval allows. UNAVAILABLE/HSM_UNAVAILABLE or FAILED_PRECONDITION/PIN_REFUSED.
  absl::StatusOr<SessionPool::Lease> Borrow();

  // Climbs to `rung` because a session of `epoch` failed; does nothing when somebody else has done
  // it since. OK means that trying again makes sense. No lease may be held by this thread.
  absl::Status Recover(std::uint64_t epoch, Rung rung);

  std::uint64_t epoch() const { return pool_.epoch(); }
  // How often the library has been initialised.
  std::uint64_t initializations() const { return initializations_; }
  const Capabilities& capabilities() const { return capabilities_; }

 private:
  Connection(const TokenOptions& options, std::unique_ptr<Module> module);

  absl::Status LogIn();
  absl::Status Reinitialize();
  bool MayReinitialize() const;

  const std::chrono::nanoseconds wait_;
  const std::chrono::nanoseconds interval_;
  std::unique_ptr<Module> module_;
  PinFile pin_file_;
  TokenIdentity identity_;
  Capabilities capabilities_;
  std::atomic<std::uint64_t> initializations_ = 0;

  std::timed_mutex recovering_;
  std::unique_ptr<Token> token_;
  std::optional<std::chrono::steady_clock::time_point> last_reinitialize_;
  absl::Status down_because_;
  SessionPool pool_;
};

}  // namespace keysvc::pkcs11

#endif  // KEYSVC_PKCS11_CONNECTION_H_
