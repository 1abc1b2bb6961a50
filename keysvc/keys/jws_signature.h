#ifndef KEYSVC_KEYSVC_KEYS_JWS_SIGNATURE_H_
#define KEYSVC_KEYSVC_KEYS_JWS_SIGNATURE_H_

#include <optional>
#include <string>
#include <string_view>

#include "keysvc/keys/open_banking_header.h"
#include "keysvc/keys/signature_format.h"

namespace keysvc::keys {

// The name of RFC 7518 (RFC 8037: "EdDSA") for what keys of an algorithm sign with. RSA keys sign
// with PSS only: FAPI and the open-banking profiles forbid PKCS #1.
absl::StatusOr<std::string_view> JoseAlgOf(Algorithm algorithm);
// The same of a key of the purpose jws; FAILED_PRECONDITION/KEY_PURPOSE_MISMATCH for others.
absl::StatusOr<std::string_view> JwsAlgOf(const KeyParameters& parameters);

struct JwsOptions {
  std::string typ;                  // empty: none. At most 64 of A-Z a-z 0-9 + - . /
  bool detached = false;            // RFC 7515 appendix F
  bool unencoded = false;           // RFC 7797; detached only
  bool without_issue_time = false;  // no `iat`
  bool with_certificates = false;   // as `x5c`, RFC 7515 section 4.1.6
  // With Open Banking's parameters, the time as one of them and not as `iat`: it is never left out.
  std::optional<OpenBankingHeader> open_banking = {};
};

// A JWS in compact form (jose/jws.h), with the version's KidOf as `kid` and the time as `iat`: for
// keys of the purpose jws.
class JwsSignature : public SignatureFormat {
 public:
  JwsSignature(std::string payload, JwsOptions options);

  policy::Action action() const override { return policy::Action::kSignJws; }
  std::string_view method() const override { return "SigningService.SignJws"; }
  absl::Status Check() const override;
  std::string FingerprintInput(const KeyName& key) const override;
  // Without the payload, which the fingerprint holds to.
  std::string ToKept(std::string answer) const override;
  std::string FromKept(std::string kept) const override;
  absl::StatusOr<Draft> DraftFor(const KeyVersion& version, PublicKeys& public_keys,
                                 absl::Time now) const override;

 private:
  const std::string payload_;
  const JwsOptions options_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_JWS_SIGNATURE_H_
