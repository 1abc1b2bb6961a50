// JSON Web Signatures in their compact form (RFC 7515 section 7.1), detached ones (appendix F) and
// ones whose payload is not encoded (RFC 7797).
#ifndef KEYSVC_JOSE_JWS_H_
#define KEYSVC_JOSE_JWS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace keysvc::jose {

// The protected header, as far as this service makes and understands it. In `crit` may be "b64" and
// "iat" only; what else may be in a header has no meaning here and is ignored (section 4).
struct JwsHeader {
  std::string alg;                  // RFC 7518 section 3.1, or "EdDSA"
  std::string kid;                  // empty: none
  std::string typ;                  // empty: none
  std::vector<std::string> x5c;     // certificates in DER, the key's own first; written, not read
  std::optional<std::int64_t> iat;  // seconds since 1970
  bool b64 = true;                  // false: the payload is signed as it is, and `crit` says so
};

// In the order alg, typ, kid, x5c, iat, b64, crit.
std::string ToJson(const JwsHeader& header);
// INVALID_ARGUMENT/FIELD_INVALID for what is not a header, has a member twice or one of the wrong
// type, lacks alg, or has a `crit` that is empty, repeats itself, names what is not there or not
// understood; and for b64 outside crit (RFC 7797 section 6).
absl::StatusOr<JwsHeader> ParseJwsHeader(std::string_view json);

// What is signed. `protected_header` is the header's JSON in base64url, as it stands in the JWS.
std::string SigningInput(std::string_view protected_header, bool b64, std::string_view payload);

struct Jws {
  std::string protected_header;  // in base64url
  JwsHeader header;
  std::optional<std::string> payload;  // decoded; nullopt: detached
  std::string signature;               // decoded
};
// "header.payload.signature", or "header..signature" for a detached payload. One that is not
// encoded must be detached: it could hold anything.
std::string ToCompact(const Jws& jws);
// INVALID_ARGUMENT/FIELD_INVALID for what is not three parts in the one form of base64url, for an
// empty signature, and for a header as above.
absl::StatusOr<Jws> ParseCompact(std::string_view text);

}  // namespace keysvc::jose

#endif  // KEYSVC_JOSE_JWS_H_
