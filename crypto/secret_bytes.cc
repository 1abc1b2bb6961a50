#include "crypto/secret_bytes.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <utility>

#include "crypto/locked_memory.h"
#include "crypto/random.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::crypto {

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this == &other) return *this;
  FreeLocked(data_, capacity_);
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  capacity_ = std::exchange(other.capacity_, 0);
  return *this;
}

SecretBytes::~SecretBytes() { FreeLocked(data_, capacity_); }

absl::StatusOr<SecretBytes> SecretBytes::Create(std::size_t size) {
  SecretBytes secret;
  if (size == 0) return secret;
  secret.data_ = AllocateLocked(size);
  if (secret.data_ == nullptr) return Error(Reason::kLockedMemory, "no locked memory is left");
  secret.size_ = secret.capacity_ = size;
  return secret;
}

absl::StatusOr<SecretBytes> SecretBytes::CopyOf(ByteView bytes) {
  ASSIGN_OR_RETURN(SecretBytes secret, Create(bytes.size()));
  std::copy(bytes.begin(), bytes.end(), secret.data_);
  return secret;
}

absl::StatusOr<SecretBytes> SecretBytes::Random(std::size_t size) {
  ASSIGN_OR_RETURN(SecretBytes secret, Create(size));
  FillPrivateRandom({secret.data_, size});
  return secret;
}

void SecretBytes::Truncate(std::size_t size) {
  if (size >= size_) return;
  OPENSSL_cleanse(data_ + size, size_ - size);
  size_ = size;
}

}  // namespace keysvc::crypto
