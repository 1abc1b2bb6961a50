#ifndef KEYSVC_TOKENIZER_CARD_FINGERPRINT_H_
#define KEYSVC_TOKENIZER_CARD_FINGERPRINT_H_

#include <cstdint>
#include <string>

#include "crypto/mac.h"
#include "tokenizer/pan.h"

namespace keysvc::tokenizer {

// What stands for a card number where only equality matters: nothing leads back from it, not even
// the key (a keyed cryptographic hash of the whole number, PCI DSS 3.5.1.1). "fp_" and 34
// characters of base32 over
//   format 1 (1 byte) || version of the key (4, big-endian) || first 16 bytes of HMAC-SHA-256
// of the digits under the tenant's fingerprint key. Equal numbers have equal fingerprints by one
// version, in all profiles of the tenant; two versions, or two tenants, have nothing in common.
std::string FingerprintOfCard(const Pan& pan, std::uint32_t key_version,
                              const crypto::HmacSha256& key);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_CARD_FINGERPRINT_H_
