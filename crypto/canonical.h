// The one encoding of everything that is authenticated or kept: fixed-width big-endian integers and
// byte strings with a 32-bit length. Two different lists of values never give the same bytes.
#ifndef KEYSVC_CRYPTO_CANONICAL_H_
#define KEYSVC_CRYPTO_CANONICAL_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace keysvc::crypto {

class CanonicalWriter {
 public:
  // What is authenticated with a row has about a hundred bytes: one allocation rather than five.
  CanonicalWriter() { out_.reserve(kUsualSize); }
  CanonicalWriter& U8(std::uint8_t value);
  CanonicalWriter& U16(std::uint16_t value);
  CanonicalWriter& U32(std::uint32_t value);
  CanonicalWriter& U64(std::uint64_t value);
  CanonicalWriter& Bytes(std::string_view value);
  std::string Take() { return std::move(out_); }

 private:
  static constexpr std::size_t kUsualSize = 160;
  std::string out_;
};

// Reads what CanonicalWriter wrote. Each call fails with DATA_LOSS/INTEGRITY_FAILURE when the bytes
// end too early; Finish() fails when some are left.
class CanonicalReader {
 public:
  explicit CanonicalReader(std::string_view in) : in_(in) {}
  absl::StatusOr<std::uint8_t> U8();
  absl::StatusOr<std::uint16_t> U16();
  absl::StatusOr<std::uint32_t> U32();
  absl::StatusOr<std::uint64_t> U64();
  absl::StatusOr<std::string_view> Bytes();
  absl::Status Finish() const;

 private:
  absl::StatusOr<std::uint64_t> Integer(std::size_t width);
  std::string_view in_;
};

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_CANONICAL_H_
