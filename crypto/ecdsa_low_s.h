// Which of the two values of s an ECDSA signature has. Where (r, s) is right, (r, n - s) is right
// too, n being the order of the curve; the low one is at most n / 2.
#ifndef KEYSVC_CRYPTO_ECDSA_LOW_S_H_
#define KEYSVC_CRYPTO_ECDSA_LOW_S_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace keysvc::crypto {

// Signatures are r || s in fixed width (IEEE P1363): of 64 bytes for P-256, 96 for P-384.

// Whether s is the low one; false for what is no signature of these curves.
bool HasLowS(std::string_view signature);

// The same signature with the low s. INVALID_ARGUMENT/FIELD_INVALID for what is none.
absl::StatusOr<std::string> WithLowS(std::string signature);

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_ECDSA_LOW_S_H_
