#ifndef KEYSVC_KEYSVC_KEYS_PRESENTED_SIGNATURE_H_
#define KEYSVC_KEYSVC_KEYS_PRESENTED_SIGNATURE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "keysvc/keys/key_parameters.h"
#include "keysvc/keys/signature.h"

namespace keysvc::keys {

// Why a signature is not accepted.
enum class Fault {
  kNone,
  kSignatureWrong,
  kKeyUnknown,         // `kid`, `keyid` names none of the keys that may verify
  kAlgorithmMismatch,  // `alg` is not the key's
  kIssueTimeMissing,   // there is no `iat`, no `created`
  kTooOld,
  kFromTheFuture,     // by more than a minute
  kExpired,           // `expires` was over more than a minute ago
  kComponentMissing,  // what has to be covered is not
  kDigestWrong,       // Content-Digest is not the body's
  kNonceMissing,      // it is to be accepted once, and says nothing that tells it from others
  kReplayed,          // it was accepted before
  kHeaderMismatch,    // its header does not say what it has to
};
// "SIGNATURE_WRONG" ..., as records say it; empty for kNone.
std::string_view NameOf(Fault fault);

// One signature as it is presented to be verified: the counterpart of SignatureFormat. Immutable.
class PresentedSignature {
 public:
  virtual ~PresentedSignature() = default;

  // Its method as records call it.
  virtual std::string_view method() const = 0;

  // What keys of the right purpose call their algorithm in this form. FAILED_PRECONDITION with
  // KEY_PURPOSE_MISMATCH or ALGORITHM_UNSUPPORTED when the key is not for this.
  virtual absl::StatusOr<std::string_view> AlgOf(const KeyParameters& parameters) const = 0;

  // What whoever made it says.
  struct Claims {
    // Of our own keys a thumbprint (RFC 7638) or what a directory calls it by, of partners' what
    // they like; empty where nothing is said.
    std::string key_id = {};
    std::string alg = {};    // empty where nothing is said
    std::string input = {};  // the bytes that are signed
    bool hashed = false;     // they are the hash of what is signed
    // One of them has to be right.
    std::vector<std::string> signatures = {};
    SignatureEncoding encoding = SignatureEncoding::kP1363;
    RsaPadding padding = RsaPadding::kPss;
    std::optional<std::int64_t> issue_time = {};  // seconds since 1970
    std::optional<std::int64_t> expires = {};     // seconds since 1970
    // What tells it from all others by the same key, and is signed too; empty where nothing does.
    std::string nonce = {};
    // Its form has no nonce: `input` tells it from all others. Not the signature, of which ECDSA
    // has two for one message, and whoever sees the one can make the other.
    bool told_by_input = false;
    // What is wrong with it by whatever key.
    Fault fault = Fault::kNone;

    // What it is accepted once by; empty where nothing tells it from others.
    std::string_view identity() const { return told_by_input ? input : nonce; }
  };
  // INVALID_ARGUMENT for what is not in the form.
  virtual absl::StatusOr<Claims> Read() const = 0;
};

// The payload that a signature is over: the one inside it or, of a detached one, the one beside it.
// INVALID_ARGUMENT naming `payload`: FIELD_INVALID when both are there, FIELD_REQUIRED when neither
// is, MESSAGE_TOO_LARGE for one beside it of more than 64 KiB.
absl::StatusOr<std::string> SignedPayload(const std::optional<std::string>& inside,
                                          const std::optional<std::string>& beside);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_PRESENTED_SIGNATURE_H_
