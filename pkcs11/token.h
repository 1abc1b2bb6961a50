#ifndef KEYSVC_PKCS11_TOKEN_H_
#define KEYSVC_PKCS11_TOKEN_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pkcs11/cryptoki.h"
#include "pkcs11/hsm.h"
#include "pkcs11/pin_file.h"
#include "pkcs11/session.h"

namespace keysvc::pkcs11 {

// Which token is meant. An empty serial stands for any; a token that was found once is only
// accepted again with the serial it had.
struct TokenIdentity {
  std::string label;
  std::string serial;
};

// A token that this process is logged in to. The log-in belongs to the token and lasts as long as
// any session, so one session is kept open for it alone. Closes all sessions of the token when it
// goes. Thread-safe.
class Token {
 public:
  // Finds the token and logs in once, unless its PIN is locked, one try away from that
  // or known to be wrong (PIN_REFUSED). UNAVAILABLE/TOKEN_MISSING when no slot holds the token.
  static absl::StatusOr<std::unique_ptr<Token>> LogIn(const CK_FUNCTION_LIST& functions,
                                                      const TokenIdentity& wanted,
                                                      PinFile& pin_file);
  ~Token();
  Token(const Token&) = delete;
  Token& operator=(const Token&) = delete;

  absl::StatusOr<std::unique_ptr<Session>> OpenSession() const {
    return Session::Open(functions_, slot_);
  }

  // Whether the same token is still in its slot; an error with Recovery::kTokenAway otherwise. Some
  // libraries find no objects, and say OK, when the token has gone: ask this before believing that.
  absl::Status CheckPresent() const;

  absl::StatusOr<Capabilities> ProbeCapabilities() const;
  const TokenIdentity& identity() const { return identity_; }

 private:
  Token(const CK_FUNCTION_LIST& functions, CK_SLOT_ID slot, TokenIdentity identity)
      : functions_(functions), slot_(slot), identity_(std::move(identity)) {}

  const CK_FUNCTION_LIST& functions_;
  CK_SLOT_ID slot_;
  TokenIdentity identity_;
  std::unique_ptr<Session> anchor_;
};

}  // namespace keysvc::pkcs11

#endif  // KEYSVC_PKCS11_TOKEN_H_
