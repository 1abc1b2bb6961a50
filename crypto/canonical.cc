#include "crypto/canonical.h"

#include <array>
#include <cstdlib>
#include <limits>

#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::crypto {
namespace {

void Append(std::string& out, std::uint64_t value, std::size_t width) {
  std::array<char, sizeof(value)> bytes;
  for (std::size_t i = 0; i < width; ++i) {
    bytes[i] = static_cast<char>(value >> (8 * (width - 1 - i)));
  }
  out.append(bytes.data(), width);
}

absl::Status EndsEarly() { return Error(Reason::kIntegrityFailure, "stored data ends too early"); }

}  // namespace

CanonicalWriter& CanonicalWriter::U8(std::uint8_t value) {
  Append(out_, value, 1);
  return *this;
}

CanonicalWriter& CanonicalWriter::U16(std::uint16_t value) {
  Append(out_, value, 2);
  return *this;
}

CanonicalWriter& CanonicalWriter::U32(std::uint32_t value) {
  Append(out_, value, 4);
  return *this;
}

CanonicalWriter& CanonicalWriter::U64(std::uint64_t value) {
  Append(out_, value, 8);
  return *this;
}

CanonicalWriter& CanonicalWriter::Bytes(std::string_view value) {
  // A cut length would let two different lists have the same bytes.
  if (value.size() > std::numeric_limits<std::uint32_t>::max()) std::abort();
  U32(static_cast<std::uint32_t>(value.size()));
  out_.append(value);
  return *this;
}

absl::StatusOr<std::uint64_t> CanonicalReader::Integer(std::size_t width) {
  if (in_.size() < width) return EndsEarly();
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < width; ++i) value = value << 8 | static_cast<std::uint8_t>(in_[i]);
  in_.remove_prefix(width);
  return value;
}

absl::StatusOr<std::uint8_t> CanonicalReader::U8() {
  ASSIGN_OR_RETURN(const std::uint64_t value, Integer(1));
  return static_cast<std::uint8_t>(value);
}

absl::StatusOr<std::uint16_t> CanonicalReader::U16() {
  ASSIGN_OR_RETURN(const std::uint64_t value, Integer(2));
  return static_cast<std::uint16_t>(value);
}

absl::StatusOr<std::uint32_t> CanonicalReader::U32() {
  ASSIGN_OR_RETURN(const std::uint64_t value, Integer(4));
  return static_cast<std::uint32_t>(value);
}

absl::StatusOr<std::uint64_t> CanonicalReader::U64() { return Integer(8); }

absl::StatusOr<std::string_view> CanonicalReader::Bytes() {
  ASSIGN_OR_RETURN(const std::uint64_t size, Integer(4));
  if (in_.size() < size) return EndsEarly();
  const std::string_view value = in_.substr(0, size);
  in_.remove_prefix(size);
  return value;
}

absl::Status CanonicalReader::Finish() const {
  if (!in_.empty()) return Error(Reason::kIntegrityFailure, "stored data has bytes left over");
  return absl::OkStatus();
}

}  // namespace keysvc::crypto
