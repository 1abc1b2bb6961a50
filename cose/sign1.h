// COSE_Sign1 (RFC 9052 section 4.2): a message with one signature, in CBOR.
#ifndef KEYSVC_COSE_SIGN1_H_
#define KEYSVC_COSE_SIGN1_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace keysvc::cose {

// The headers, as far as this service makes and understands them. `crit` may name these only; what
// else may be in a header has no meaning here and is ignored.
struct Header {
  // By its name in the registry of COSE algorithms, which is that of JOSE: ES256, ES384, EdDSA,
  // PS256, PS384, PS512. One of another number is "unknown".
  std::string alg;
  std::string kid;                  // empty: none
  std::optional<std::int64_t> iat;  // seconds since 1970, a claim in the header (RFC 9597)
};

// The protected header: `alg`, `kid` and `iat`, in deterministic encoding (RFC 8949 section 4.2).
// FAILED_PRECONDITION/ALGORITHM_UNSUPPORTED for another alg.
absl::StatusOr<std::string> ProtectedHeader(const Header& header);

// What is signed, the Sig_structure of RFC 9052 section 4.4. `external_aad` is what both sides know
// without sending it.
std::string SigningInput(std::string_view protected_header, std::string_view external_aad,
                         std::string_view payload);

struct Sign1 {
  std::string protected_header;  // as it stands in the message
  Header header;
  std::optional<std::string> payload;  // nullopt: detached
  std::string signature;
};
// With its tag (18), and nothing in the unprotected header.
std::string ToCbor(const Sign1& message);
// With or without the tag. INVALID_ARGUMENT/FIELD_INVALID for what is not a COSE_Sign1 and nothing
// else, has no signature, has a header twice or one of the wrong type, lacks alg, has alg, crit or
// claims where they are not protected, or a `crit` that is empty, repeats itself, names what is not
// there or not understood.
absl::StatusOr<Sign1> ParseSign1(std::string_view cbor);

}  // namespace keysvc::cose

#endif  // KEYSVC_COSE_SIGN1_H_
