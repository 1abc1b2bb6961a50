#ifndef KEYSVC_KEYSVC_KEYS_VERIFIER_H_
#define KEYSVC_KEYSVC_KEYS_VERIFIER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "audit/entry.h"
#include "audit/journal.h"
#include "http/message.h"
#include "jose/jws.h"
#include "keysvc/keys/key_registry.h"
#include "keysvc/keys/public_keys.h"
#include "keysvc/keys/signature.h"
#include "pkcs11/hsm.h"
#include "policy/gate.h"

namespace keysvc::keys {

struct VerifyRequest {
  KeyName key;
  std::uint32_t version = 0;  // 0: every version that may still process is tried, newest first
  std::string message;
  std::string signature;
  SignatureEncoding encoding = SignatureEncoding::kDer;
  RsaPadding padding = RsaPadding::kPss;
  std::string request_id;
  std::string trace_id;
};

struct JwsVerifyRequest {
  KeyName key;
  std::uint32_t version = 0;  // 0: the one that `kid` names, or as above where there is none
  std::string jws;            // in compact form
  std::optional<std::string> payload;     // of a detached JWS, and of no other
  std::optional<absl::Duration> max_age;  // how old `iat` may be, if that matters
  std::string request_id;
  std::string trace_id;
};

struct HttpVerifyRequest {
  KeyName key;
  std::uint32_t version = 0;                     // as in JwsVerifyRequest, by `keyid`
  http::Message message;                         // with its Signature-Input and Signature
  std::string label;                             // empty: there is one signature only
  std::vector<std::string> required_components;  // what has to be covered
  std::optional<absl::Duration> max_age;         // how old `created` may be, if that matters
  std::string request_id;
  std::string trace_id;
};

// Why a signature is not accepted.
enum class Fault {
  kNone,
  kSignatureWrong,
  kKeyUnknown,         // `kid`, `keyid` names no version of the key that may still verify
  kAlgorithmMismatch,  // `alg` is not the key's
  kIssueTimeMissing,   // there is no `iat`, no `created`
  kTooOld,
  kFromTheFuture,     // by more than a minute
  kExpired,           // `expires` is over
  kComponentMissing,  // what has to be covered is not
  kDigestWrong,       // Content-Digest is not the body's
};
// "SIGNATURE_WRONG" ..., as records say it; empty for kNone.
std::string_view NameOf(Fault fault);

// A wrong signature is a result, not an error.
struct Verification {
  Fault fault = Fault::kNone;
  KeyVersionName key_version;  // the one that verified, when nothing is wrong
  bool valid() const { return fault == Fault::kNone; }
};

// Checks signatures in software (HMAC: in the HSM). Every call is one record; a MAC blocks on the
// HSM. Completes on a journal thread. The permit must be for the key, or for the version of it.
// Thread-safe; outlives the journal's last callback.
class Verifier {
 public:
  Verifier(KeyRegistry& registry, pkcs11::Hsm& hsm, audit::Journal& journal,
           PublicKeys& public_keys, std::function<absl::Time()> clock = absl::Now);

  void Verify(policy::Permit permit, const VerifyRequest& request, audit::Done<Verification> done);
  // INVALID_ARGUMENT/FIELD_INVALID for what is no JWS, or one that has to be understood and is not
  // (`crit`); a payload that is there twice, or not at all.
  void VerifyJws(policy::Permit permit, const JwsVerifyRequest& request,
                 audit::Done<Verification> done);
  // INVALID_ARGUMENT for a message that is none or lacks what is covered; a signature or its input
  // that is not in the form of RFC 9421 or has what is not understood; several without a label; a
  // covered Content-Digest without the body.
  void VerifyHttpMessage(policy::Permit permit, const HttpVerifyRequest& request,
                         audit::Done<Verification> done);

 private:
  void Record(audit::Entry entry, absl::StatusOr<Verification> result,
              audit::Done<Verification> done);
  // The versions that may have made it, newest first. Never empty.
  absl::StatusOr<std::vector<KeyVersion>> Candidates(const KeyName& key,
                                                     std::uint32_t version) const;
  absl::StatusOr<Verification> CheckMessage(const policy::Permit& permit,
                                            const VerifyRequest& request);
  absl::StatusOr<bool> IsBy(const KeyVersion& version, const VerifyRequest& request);
  absl::StatusOr<Verification> CheckJws(const policy::Permit& permit,
                                        const JwsVerifyRequest& request);
  absl::StatusOr<Verification> CheckHttpMessage(const policy::Permit& permit,
                                                const HttpVerifyRequest& request);
  // A signature of r || s, as whoever made it describes it.
  struct Claimed {
    std::string key_id;  // a thumbprint; empty where nothing is said
    std::string alg;     // empty where nothing is said
    std::string input;   // the bytes that are signed
    std::string signature;
  };
  using AlgOf = absl::StatusOr<std::string_view> (*)(const KeyParameters&);
  absl::StatusOr<Verification> FindSigner(const Claimed& claimed, AlgOf alg_of,
                                          const std::vector<KeyVersion>& candidates);

  KeyRegistry& registry_;
  pkcs11::Hsm& hsm_;
  audit::Journal& journal_;
  PublicKeys& public_keys_;
  std::function<absl::Time()> clock_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_VERIFIER_H_
