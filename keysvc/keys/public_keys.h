#ifndef KEYSVC_KEYSVC_KEYS_PUBLIC_KEYS_H_
#define KEYSVC_KEYSVC_KEYS_PUBLIC_KEYS_H_

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "crypto/public_key.h"
#include "keysvc/keys/key_name.h"
#include "keysvc/keys/key_version.h"

namespace keysvc::keys {

// The public half of a key version.
struct PublicHalf {
  std::unique_ptr<crypto::PublicKey> key;
  std::string pem;         // X.509 SubjectPublicKeyInfo
  std::string thumbprint;  // RFC 7638
};

// From an X.509 SubjectPublicKeyInfo in DER. DATA_LOSS/INTEGRITY_FAILURE when it is none.
absl::StatusOr<std::shared_ptr<const PublicHalf>> ReadPublicHalf(std::string_view spki);

// What JWS headers and the key's JWK set call a version by: its kid, or the thumbprint of its
// public half.
const std::string& KidOf(const KeyVersion& version, const PublicHalf& half);

// The public halves that were used so far: parsing one takes longer than checking a signature by
// it, and that of a version never changes. Thread-safe.
class PublicKeys {
 public:
  // FAILED_PRECONDITION/ALGORITHM_UNSUPPORTED for a key without a public half;
  // DATA_LOSS/INTEGRITY_FAILURE when it is none.
  absl::StatusOr<std::shared_ptr<const PublicHalf>> Of(const KeyVersion& version);

 private:
  std::mutex mutex_;
  std::map<KeyVersionName, std::shared_ptr<const PublicHalf>> known_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_PUBLIC_KEYS_H_
