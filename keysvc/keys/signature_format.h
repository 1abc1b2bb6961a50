#ifndef KEYSVC_KEYSVC_KEYS_SIGNATURE_FORMAT_H_
#define KEYSVC_KEYSVC_KEYS_SIGNATURE_FORMAT_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keysvc/keys/key_name.h"
#include "keysvc/keys/key_version.h"
#include "keysvc/keys/public_keys.h"
#include "keysvc/keys/signature.h"
#include "policy/action.h"

namespace keysvc::keys {

// One signature as its caller asks for it: which bytes the HSM signs, and what becomes of the
// signature. Immutable.
class SignatureFormat {
 public:
  virtual ~SignatureFormat() = default;

  // The right that it takes, and its method as records call it.
  virtual policy::Action action() const = 0;
  virtual std::string_view method() const = 0;

  // INVALID_ARGUMENT for what no key could sign.
  virtual absl::Status Check() const = 0;

  // The same for what no version of a key with these parameters could sign.
  virtual absl::Status CheckFor(const KeyParameters& /*parameters*/) const {
    return absl::OkStatus();
  }

  // All that tells this request from others, in canonical form (docs/formats.md).
  virtual std::string FingerprintInput(const KeyName& key) const = 0;

  // What the HSM signed: once by the primary version and, of a shared key, once by each other
  // version that is live.
  using Raw = std::vector<std::string>;
  struct Draft {
    SignatureScheme scheme;
    std::string to_be_signed;
    // From the HSM's signatures to the caller's.
    std::function<absl::StatusOr<std::string>(Raw raw)> finish;
    bool hashed = false;  // what is to be signed is the hash of a message
  };
  // What is kept of the answer for a repetition, and the answer again: what the caller has anyway
  // is not kept. FromKept(ToKept(x)) is x.
  virtual std::string ToKept(std::string answer) const { return answer; }
  virtual std::string FromKept(std::string kept) const { return kept; }

  // FAILED_PRECONDITION/KEY_PURPOSE_MISMATCH or ALGORITHM_UNSUPPORTED when the key is not for this.
  // `version` is the primary one; the others of a shared key have the same parameters.
  virtual absl::StatusOr<Draft> DraftFor(const KeyVersion& version, PublicKeys& public_keys,
                                         absl::Time now) const = 0;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_SIGNATURE_FORMAT_H_
