#ifndef KEYSVC_CRYPTO_MAC_H_
#define KEYSVC_CRYPTO_MAC_H_

#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "crypto/bytes.h"
#include "crypto/digest.h"
#include "crypto/secret_key.h"

namespace keysvc::crypto {

// HMAC-SHA-256 (FIPS 198-1), full 256-bit tags. Thread-safe.
class HmacSha256 {
 public:
  static absl::StatusOr<std::unique_ptr<HmacSha256>> Create(const SecretKey<32>& key);
  ~HmacSha256();
  HmacSha256(const HmacSha256&) = delete;
  HmacSha256& operator=(const HmacSha256&) = delete;

  Sha256Digest Compute(ByteView message) const;
  Sha256Digest Compute(std::string_view message) const { return Compute(AsBytes(message)); }
  // Constant time in the tag.
  bool Verify(std::string_view message, std::string_view tag) const;

 private:
  struct Impl;
  explicit HmacSha256(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_MAC_H_
