#ifndef KEYSVC_KEYSVC_KEYS_PARTNER_KEY_REQUEST_H_
#define KEYSVC_KEYSVC_KEYS_PARTNER_KEY_REQUEST_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keysvc/keys/key_parameters.h"
#include "keysvc/keys/partner_key.h"

namespace keysvc::keys {

// For how long a partner's key may be trusted: as long as a key of our own may sign (SP 800-57,
// table 1: 1 to 3 years).
constexpr absl::Duration kLongestTrust = absl::Hours(24 * 1095);

// What is asked for. Views outlive it.
struct PartnerKeyRequest {
  Purpose purpose = Purpose::kSign;
  // Follows from the key where it is not said; RSA keys hash with SHA-256 then, for HTTP messages
  // with SHA-512.
  std::optional<Algorithm> algorithm = {};
  std::string_view pem;  // as crypto/key_document.h reads it; may be a secret by mistake
  std::string kid = {};
  // Where they are not said: a certificate's; else from now on, and the end is required. Those of a
  // certificate can be narrowed, never widened.
  std::optional<absl::Time> not_before = {};
  std::optional<absl::Time> not_after = {};
};

// What a key is registered with, in whole milliseconds. INVALID_ARGUMENT, naming the field of
// CreatePartnerKeyRequest at fault:
// `pem` as ReadKeyDocument says, and for RSA keys of other sizes than 2048, 3072 and 4096 bits;
// `purpose` unless it is one of those that sign or secret-delivery; `algorithm` unless it is the
// key's and serves the purpose; `kid` unless it is at most 256 visible characters of ASCII;
// `not_before_time` and `not_after_time` when they widen a certificate's; `not_after_time` unless
// it is to come, after `not_before_time`, and at most kLongestTrust away.
absl::StatusOr<PartnerKeyTerms> TermsOf(const PartnerKeyRequest& request, absl::Time now);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_PARTNER_KEY_REQUEST_H_
