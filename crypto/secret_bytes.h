#ifndef KEYSVC_CRYPTO_SECRET_BYTES_H_
#define KEYSVC_CRYPTO_SECRET_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "crypto/bytes.h"
#include "crypto/secret_access.h"

namespace keysvc::crypto {

// A secret of any length up to 64 KiB: lives in locked memory, is wiped when it goes, moves but
// never copies, prints nowhere, compares in constant time and is read only through Expose(). Not
// thread-safe; a const object may be read by several threads.
class SecretBytes {
 public:
  // An empty secret.
  SecretBytes() = default;
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes();

  // `size` zero bytes. RESOURCE_EXHAUSTED/LOCKED_MEMORY when no locked memory is left.
  static absl::StatusOr<SecretBytes> Create(std::size_t size);
  // A copy of `bytes`; wiping the source is the caller's.
  static absl::StatusOr<SecretBytes> CopyOf(ByteView bytes);
  // `size` bytes of the private random generator.
  static absl::StatusOr<SecretBytes> Random(std::size_t size);

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  ByteView Expose(SecretAccess) const { return {data_, size_}; }
  std::span<std::uint8_t> ExposeMutable(SecretAccess) { return {data_, size_}; }
  // Keeps the first `size` bytes (at most the present size) and wipes the rest.
  void Truncate(std::size_t size);

  friend bool operator==(const SecretBytes& a, const SecretBytes& b) {
    return EqualInConstantTime({a.data_, a.size_}, {b.data_, b.size_});
  }

 private:
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_SECRET_BYTES_H_
