#ifndef KEYSVC_KEYSVC_KEYS_COSE_SIGNATURE_H_
#define KEYSVC_KEYSVC_KEYS_COSE_SIGNATURE_H_

#include <string>
#include <string_view>

#include "keysvc/keys/signature_format.h"

namespace keysvc::keys {

// The name of RFC 9053, which is JOSE's, for what a key of the purpose cose signs with;
// FAILED_PRECONDITION/KEY_PURPOSE_MISMATCH for other keys.
absl::StatusOr<std::string_view> CoseAlgOf(const KeyParameters& parameters);

// INVALID_ARGUMENT/MESSAGE_TOO_LARGE for more than 1 KiB.
absl::Status CheckExternalAad(std::string_view external_aad);

struct CoseOptions {
  std::string external_aad = {};    // RFC 9052 section 4.3; at most 1 KiB
  bool detached = false;            // RFC 9052 section 2: the payload is nil
  bool without_issue_time = false;  // no `iat`
};

// A COSE_Sign1 (cose/sign1.h), with the key's thumbprint as `kid` and the time as `iat`, both
// protected: for keys of the purpose cose.
class CoseSignature : public SignatureFormat {
 public:
  CoseSignature(std::string payload, CoseOptions options);

  policy::Action action() const override { return policy::Action::kSignCose; }
  std::string_view method() const override { return "SigningService.SignCose"; }
  absl::Status Check() const override;
  std::string FingerprintInput(const KeyName& key) const override;
  // Without the payload, which the fingerprint holds to.
  std::string ToKept(std::string answer) const override;
  std::string FromKept(std::string kept) const override;
  absl::StatusOr<Draft> DraftFor(const KeyVersion& version, PublicKeys& public_keys,
                                 absl::Time now) const override;

 private:
  const std::string payload_;
  const CoseOptions options_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_COSE_SIGNATURE_H_
