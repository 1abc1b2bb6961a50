#include "crypto/secret_sharing.h"

#include <botan/exceptn.h>
#include <botan/system_rng.h>
#include <botan/tss.h>

#include <string>

#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::crypto {
namespace {

constexpr char kHash[] = "SHA-256";
constexpr std::size_t kThresholdAt = kSharingIdentifierSize + 1;
constexpr std::size_t kNumberAt = kThresholdAt + 1 + 2;
constexpr std::size_t kSmallestShare = kNumberAt + 1 + 1 + 32;

Botan::RTSS_Share ToBotan(const SecretBytes& share) {
  const ByteView bytes = share.Expose(SecretAccess::kGranted);
  return {bytes.data(), bytes.size()};
}

}  // namespace

absl::StatusOr<std::vector<SecretBytes>> SplitSecret(const SecretBytes& secret,
                                                     std::uint8_t threshold, std::uint8_t shares,
                                                     std::string_view identifier) {
  if (threshold < 2 || threshold > shares || identifier.size() != kSharingIdentifierSize ||
      secret.empty() || secret.size() > 4096) {
    return Error(Reason::kInternal, "a secret cannot be shared like this");
  }
  const ByteView bytes = secret.Expose(SecretAccess::kGranted);
  std::vector<SecretBytes> result;
  try {
    Botan::System_RNG random;
    const std::vector<Botan::RTSS_Share> split = Botan::RTSS_Share::split(
        threshold, shares, bytes.data(), static_cast<std::uint16_t>(bytes.size()),
        {identifier.begin(), identifier.end()}, kHash, random);
    for (const Botan::RTSS_Share& share : split) {
      ASSIGN_OR_RETURN(SecretBytes copy, SecretBytes::CopyOf(share.data()));
      result.push_back(std::move(copy));
    }
  } catch (const std::exception&) {
    return Error(Reason::kInternal, "sharing a secret failed");
  }
  return result;
}

absl::StatusOr<ShareHeader> ReadShareHeader(const SecretBytes& share) {
  if (share.size() < kSmallestShare) {
    return Error(Reason::kRecoveryShareInvalid, "this is no share of a key");
  }
  const ByteView bytes = share.Expose(SecretAccess::kGranted);
  return ShareHeader{AsText(bytes.first(kSharingIdentifierSize)), bytes[kThresholdAt],
                     bytes[kNumberAt]};
}

absl::StatusOr<SecretBytes> CombineSecret(std::span<const SecretBytes* const> shares) {
  try {
    std::vector<Botan::RTSS_Share> together;
    together.reserve(shares.size());
    for (const SecretBytes* share : shares) {
      RETURN_IF_ERROR(ReadShareHeader(*share).status());
      together.push_back(ToBotan(*share));
    }
    if (together.empty()) return Error(Reason::kRecoveryShareInvalid, "there is no share");
    const Botan::secure_vector<std::uint8_t> secret = Botan::RTSS_Share::reconstruct(together);
    return SecretBytes::CopyOf(secret);
  } catch (const std::exception&) {
    return Error(Reason::kRecoveryShareInvalid,
                 "the shares do not give the key: at least one of them was changed");
  }
}

}  // namespace keysvc::crypto
