#ifndef KEYSVC_CRYPTO_SECRET_SHARING_H_
#define KEYSVC_CRYPTO_SECRET_SHARING_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "crypto/secret_bytes.h"

namespace keysvc::crypto {

// Shamir's sharing over GF(256) in the form of draft-mcgrew-tss-03 ("robust": a SHA-256 of the
// secret is shared with it). A share is identifier (16) || hash 2 (1) || threshold (1) ||
// length (2, big-endian) || number (1) || one byte for each of the secret's and its hash's.
constexpr std::size_t kSharingIdentifierSize = 16;

// `shares` shares, numbered from 1, any `threshold` of which give the secret and fewer say nothing
// about it. 2 <= threshold <= shares <= 255; the identifier is 16 bytes that tell this sharing from
// others. INTERNAL/INTERNAL otherwise.
absl::StatusOr<std::vector<SecretBytes>> SplitSecret(const SecretBytes& secret,
                                                     std::uint8_t threshold, std::uint8_t shares,
                                                     std::string_view identifier);

// What a share says of itself, without being believed.
struct ShareHeader {
  std::string_view identifier;  // refers to the share
  std::uint8_t threshold = 0;
  std::uint8_t number = 0;
};
// INVALID_ARGUMENT/RECOVERY_SHARE_INVALID for what is no share.
absl::StatusOr<ShareHeader> ReadShareHeader(const SecretBytes& share);

// The secret. INVALID_ARGUMENT/RECOVERY_SHARE_INVALID when the shares are too few, of different
// sharings, the same one twice, or one of them was changed.
absl::StatusOr<SecretBytes> CombineSecret(std::span<const SecretBytes* const> shares);

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_SECRET_SHARING_H_
