// By which two who have a secret see that it is the same one, without showing it.
#ifndef KEYSVC_KEYSVC_KEYS_KEY_CHECK_VALUE_H_
#define KEYSVC_KEYSVC_KEYS_KEY_CHECK_VALUE_H_

#include <string>

#include "absl/status/statusor.h"
#include "keysvc/keys/key_version.h"
#include "pkcs11/hsm.h"

namespace keysvc::keys {

// Five bytes in capital hexadecimal, made in the HSM by a version that MACs: of AES-256-CMAC the
// first of the CMAC of 16 zero bytes (ANSI X9.24-1), of HMACs the first of the HMAC of the empty
// message. Empty where the token MACs one byte and no empty message. Whoever knows it has no better
// way to the key than by trying. Errors are the HSM's; ALGORITHM_UNSUPPORTED for keys that make no
// MACs.
absl::StatusOr<std::string> KeyCheckValueOf(pkcs11::Hsm& hsm, const KeyVersion& version);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_KEY_CHECK_VALUE_H_
