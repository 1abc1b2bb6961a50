#ifndef KEYSVC_TOKENIZER_OPAQUE_TOKEN_H_
#define KEYSVC_TOKENIZER_OPAQUE_TOKEN_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "crypto/aes_block.h"

namespace keysvc::tokenizer {

// The opaque token: "tok_" and 34 characters of base32 (RFC 4648, lower case, no padding) over
//   format 1 (1 byte) || token-key version (4 bytes, big-endian) || one AES-256 block
// where the block is handle (8) || profile number (2) || check (6) under the tenant's token key.
// The 48 check bits depend on format, version and tenant, so that a typo, a forgery or another
// tenant's token is refused before any read, by the same code in the same time.
struct TokenContent {
  std::int64_t handle = 0;
  std::uint16_t profile = 0;

  friend bool operator==(const TokenContent&, const TokenContent&) = default;
};

std::string EncodeOpaqueToken(const TokenContent& content, std::string_view tenant,
                              std::uint32_t key_version, const crypto::Aes256Block& key);

// The token-key version that a token claims, without believing it. NOT_FOUND/TOKEN_NOT_FOUND when
// the text is not shaped like a token.
absl::StatusOr<std::uint32_t> TokenKeyVersion(std::string_view token);

// NOT_FOUND/TOKEN_NOT_FOUND for every token that this tenant's key did not make.
absl::StatusOr<TokenContent> DecodeOpaqueToken(std::string_view token, std::string_view tenant,
                                               const crypto::Aes256Block& key);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_OPAQUE_TOKEN_H_
