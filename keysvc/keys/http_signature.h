#ifndef KEYSVC_KEYSVC_KEYS_HTTP_SIGNATURE_H_
#define KEYSVC_KEYSVC_KEYS_HTTP_SIGNATURE_H_

#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"
#include "keysvc/keys/signature_format.h"

namespace keysvc::keys {

// The name in the registry of RFC 9421 for what a key of the purpose http signs with: P-256, P-384
// and Ed25519 keys, and RSA keys with SHA-512, since the registry has PSS with no other hash.
absl::StatusOr<std::string_view> HttpAlgOf(const KeyParameters& parameters);

struct HttpSignatureOptions {
  std::vector<std::string> components;              // what is covered, in this order; 1 .. 32
  std::string label = "sig1";                       // of the signature in the message
  absl::Duration valid_for = absl::ZeroDuration();  // zero: no `expires`; whole seconds
  std::string nonce;                                // empty: none
  std::string tag;                                  // empty: none
};

// An HTTP message signature (RFC 9421), with the key's thumbprint as `keyid` and the time as
// `created`: for keys of the purpose http. What the caller gets are the fields to add to the
// message, each a line "name: value"; a Content-Digest (RFC 9530) among them when one is covered
// and the message has a body but no digest. A label that the message has a signature under already
// is refused, and covering the fields that a signature is added to.
class HttpSignature : public SignatureFormat {
 public:
  HttpSignature(http::Message message, HttpSignatureOptions options);

  policy::Action action() const override { return policy::Action::kSignHttpMessage; }
  std::string_view method() const override { return "SigningService.SignHttpMessage"; }
  absl::Status Check() const override;
  std::string FingerprintInput(const KeyName& key) const override;
  absl::StatusOr<Draft> DraftFor(const KeyVersion& version, PublicKeys& public_keys,
                                 absl::Time now) const override;

 private:
  http::Message message_;
  const HttpSignatureOptions options_;
  std::string added_digest_;  // empty: none
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_HTTP_SIGNATURE_H_
