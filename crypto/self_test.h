#ifndef KEYSVC_CRYPTO_SELF_TEST_H_
#define KEYSVC_CRYPTO_SELF_TEST_H_

#include "absl/status/status.h"

namespace keysvc::crypto {

// Known-answer tests of every primitive in this folder (FIPS 140-3 style, at start-up).
// INTERNAL/SELF_TEST_FAILED names the primitive that answered wrongly; the program must not serve
// then.
absl::Status RunSelfTests();

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_SELF_TEST_H_
