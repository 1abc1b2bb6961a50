#include "tokenizer/opaque_token.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include "crypto/base32.h"
#include "crypto/bytes.h"
#include "crypto/canonical.h"
#include "crypto/digest.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::tokenizer {
namespace {

using Block = crypto::Aes256Block::Block;

constexpr std::string_view kPrefix = "tok_";
constexpr std::uint8_t kFormat = 1;
constexpr std::size_t kBlockAt = 1 + 4;
constexpr std::size_t kBytes = kBlockAt + sizeof(Block);
constexpr std::size_t kProfileAt = 8;
constexpr std::size_t kCheckAt = kProfileAt + 2;

using Packed = std::array<std::uint8_t, kBytes>;

void PutInteger(std::uint64_t value, std::span<std::uint8_t> out) {
  for (std::size_t i = out.size(); i-- > 0; value >>= 8U) out[i] = static_cast<std::uint8_t>(value);
}

std::uint64_t Integer(std::span<const std::uint8_t> in) {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : in) value = value << 8U | byte;
  return value;
}

// What the block's last bytes must be; the permutation spreads it over the whole block.
crypto::Sha256Digest CheckOf(std::string_view tenant, std::uint32_t key_version) {
  struct Last {
    std::string tenant;
    std::uint32_t key_version = 0;
    std::optional<crypto::Sha256Digest> check;
  };
  // Nearly always that of the token before: a call has one tenant, and few versions are in use.
  thread_local Last last;
  if (!last.check.has_value() || last.key_version != key_version || last.tenant != tenant) {
    last = {std::string(tenant), key_version,
            crypto::Sha256(crypto::CanonicalWriter()
                               .Bytes("keysvc opaque token")
                               .U8(kFormat)
                               .U32(key_version)
                               .Bytes(tenant)
                               .Take())};
  }
  return *last.check;
}

absl::Status NotFound() { return Error(Reason::kTokenNotFound, "no such token"); }

absl::StatusOr<Packed> Unpack(std::string_view token) {
  if (!token.starts_with(kPrefix)) return NotFound();
  const std::optional<std::string> bytes = crypto::FromBase32(token.substr(kPrefix.size()));
  if (!bytes.has_value() || bytes->size() != kBytes || bytes->front() != kFormat) return NotFound();
  Packed packed{};
  std::copy(bytes->begin(), bytes->end(), packed.begin());
  return packed;
}

std::uint32_t VersionIn(const Packed& packed) {
  return static_cast<std::uint32_t>(Integer(std::span(packed).subspan(1, 4)));
}

}  // namespace

std::string EncodeOpaqueToken(const TokenContent& content, std::string_view tenant,
                              std::uint32_t key_version, const crypto::Aes256Block& key) {
  Block block{};
  const crypto::Sha256Digest check = CheckOf(tenant, key_version);
  PutInteger(static_cast<std::uint64_t>(content.handle), std::span(block).first(kProfileAt));
  PutInteger(content.profile, std::span(block).subspan(kProfileAt, kCheckAt - kProfileAt));
  std::copy_n(check.begin(), block.size() - kCheckAt, block.begin() + kCheckAt);
  block = key.Encrypt(block);

  Packed packed{kFormat};
  PutInteger(key_version, std::span(packed).subspan(1, 4));
  std::copy(block.begin(), block.end(), packed.begin() + kBlockAt);
  return std::string(kPrefix) + crypto::ToBase32(crypto::AsText(packed));
}

absl::StatusOr<std::uint32_t> TokenKeyVersion(std::string_view token) {
  ASSIGN_OR_RETURN(const Packed packed, Unpack(token));
  return VersionIn(packed);
}

absl::StatusOr<TokenContent> DecodeOpaqueToken(std::string_view token, std::string_view tenant,
                                               const crypto::Aes256Block& key) {
  ASSIGN_OR_RETURN(const Packed packed, Unpack(token));
  Block block{};
  std::copy_n(packed.begin() + kBlockAt, block.size(), block.begin());
  block = key.Decrypt(block);
  const crypto::Sha256Digest check = CheckOf(tenant, VersionIn(packed));
  const auto found = std::span<const std::uint8_t>(block).subspan(kCheckAt);
  if (!crypto::EqualInConstantTime(found, crypto::ByteView(check).first(found.size()))) {
    return NotFound();
  }
  return TokenContent{static_cast<std::int64_t>(Integer(std::span(block).first(kProfileAt))),
                      static_cast<std::uint16_t>(
                          Integer(std::span(block).subspan(kProfileAt, kCheckAt - kProfileAt)))};
}

}  // namespace keysvc::tokenizer
