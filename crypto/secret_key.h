#ifndef KEYSVC_CRYPTO_SECRET_KEY_H_
#define KEYSVC_CRYPTO_SECRET_KEY_H_

#include <cstddef>
#include <utility>

#include "absl/status/statusor.h"
#include "crypto/secret_bytes.h"
#include "status/reason.h"

namespace keysvc::crypto {

// A secret key of exactly N bytes, with the properties of SecretBytes.
template <std::size_t N>
class SecretKey {
 public:
  static constexpr std::size_t kSize = N;

  static absl::StatusOr<SecretKey> Random() { return From(SecretBytes::Random(N)); }
  // INTERNAL/INTERNAL when `bytes` is not N bytes long.
  static absl::StatusOr<SecretKey> From(absl::StatusOr<SecretBytes> bytes) {
    if (!bytes.ok()) return std::move(bytes).status();
    if (bytes->size() != N) return Error(Reason::kInternal, "key has the wrong length");
    return SecretKey(std::move(*bytes));
  }

  // The same secret, to hand it on without reading it.
  const SecretBytes& bytes() const { return bytes_; }
  ByteView Expose(SecretAccess access) const { return bytes_.Expose(access); }
  friend bool operator==(const SecretKey& a, const SecretKey& b) { return a.bytes_ == b.bytes_; }

 private:
  explicit SecretKey(SecretBytes bytes) : bytes_(std::move(bytes)) {}
  SecretBytes bytes_;
};

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_SECRET_KEY_H_
