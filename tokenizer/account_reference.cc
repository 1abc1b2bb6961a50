#include "tokenizer/account_reference.h"

#include <cstddef>
#include <cstdint>

#include "crypto/digest.h"
#include "crypto/secret_access.h"
#include "status/macros.h"

namespace keysvc::tokenizer {
namespace {

// Of 10^10 cards two have equal references with a probability below 2^-34.
constexpr std::size_t kLetters = 25;

}  // namespace

std::string AccountReferenceOf(const Pan& pan, std::string_view issuer,
                               const crypto::HmacSha256& key) {
  const crypto::Sha256Digest mac = key.Compute(pan.Expose(crypto::SecretAccess::kGranted));
  std::string reference(issuer);
  for (std::size_t i = 0; i < kLetters; ++i) {
    const std::uint8_t byte = mac.at(i / 2);
    const int nibble = i % 2 == 0 ? byte >> 4 : byte & 0xf;
    reference += static_cast<char>('A' + nibble);
  }
  return reference;
}

absl::StatusOr<std::string> AccountReferenceOf(const Pan& pan, const Profile& profile,
                                               HeldKeys& keys) {
  if (profile.account_reference_issuer.empty()) return std::string();
  ASSIGN_OR_RETURN(const auto key, keys.AccountReference());
  return AccountReferenceOf(pan, profile.account_reference_issuer, *key);
}

}  // namespace keysvc::tokenizer
