#include "tokenizer/card_fingerprint.h"

#include <cstddef>
#include <string_view>

#include "crypto/base32.h"
#include "crypto/canonical.h"
#include "crypto/digest.h"
#include "crypto/secret_access.h"

namespace keysvc::tokenizer {
namespace {

constexpr std::string_view kPrefix = "fp_";
constexpr std::uint8_t kFormat = 1;
// Of 10^10 cards two have equal fingerprints with a probability below 2^-62.
constexpr std::size_t kMacBytes = 16;

}  // namespace

std::string FingerprintOfCard(const Pan& pan, std::uint32_t key_version,
                              const crypto::HmacSha256& key) {
  const crypto::Sha256Digest mac = key.Compute(pan.Expose(crypto::SecretAccess::kGranted));
  std::string bytes = crypto::CanonicalWriter().U8(kFormat).U32(key_version).Take();
  bytes += crypto::AsText(mac).substr(0, kMacBytes);
  return std::string(kPrefix) + crypto::ToBase32(bytes);
}

}  // namespace keysvc::tokenizer
