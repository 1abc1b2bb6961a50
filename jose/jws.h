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

// What UK Open Banking has in a header besides (Read/Write Data API, message signing), under names
// of its own: "http://openbanking.org.uk/iat", ".../iss" and ".../tan". They are always critical:
// one that is there and not in `crit` has no meaning, and is read as if it were missing.
struct OpenBankingParameters {
  std::optional<std::int64_t> iat = {};  // when it was signed, seconds since 1970
  std::optional<std::string> iss = {};   // whose signature it is
  std::optional<std::string> tan = {};   // the domain of the trust anchor that publishes the key
};

// The protected header, as far as this service makes and understands it. In `crit` may be "b64",
// "iat" and Open Banking's three only; what else may be in a header has no meaning here and is
// ignored (section 4).
struct JwsHeader {
  std::string alg;                  // RFC 7518 section 3.1, or "EdDSA"
  std::string kid;                  // empty: none
  std::string typ;                  // empty: none
  std::vector<std::string> x5c;     // certificates in DER, the key's own first; written, not read
  std::optional<std::int64_t> iat;  // seconds since 1970
  bool b64 = true;                  // false: the payload is signed as it is, and `crit` says so
  OpenBankingParameters open_banking = {};
};

// In the order alg, typ, kid, x5c, iat, Open Banking's iat, iss and tan, b64, crit; in `crit` b64
// comes first. Texts are valid UTF-8.
std::string ToJson(const JwsHeader& header);
// INVALID_ARGUMENT/FIELD_INVALID for what is not a header, has a member twice or one of the wrong
// type, lacks alg, or has a `crit` that is empty, repeats itself, names what is not there or not
// understood; for b64 outside crit (RFC 7797 section 6), and for two times of issue that differ.
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
