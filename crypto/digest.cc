#include "crypto/digest.h"

#include <cstddef>

#include "crypto/openssl_handle.h"

namespace keysvc::crypto {
namespace {

const EVP_MD* Fetched(HashAlgorithm algorithm) {
  // Fetching one takes longer than hashing a short text.
  static const std::array<const EVP_MD*, 3> digests = {EVP_MD_fetch(nullptr, "SHA256", nullptr),
                                                       EVP_MD_fetch(nullptr, "SHA384", nullptr),
                                                       EVP_MD_fetch(nullptr, "SHA512", nullptr)};
  return digests.at(static_cast<std::size_t>(algorithm));
}

}  // namespace

Sha256Digest Sha256(std::initializer_list<std::string_view> parts) {
  const EVP_MD* const sha256 = Fetched(HashAlgorithm::kSha256);
  thread_local const DigestContext context(EVP_MD_CTX_new());
  Require(sha256 != nullptr && EVP_DigestInit_ex2(context.get(), sha256, nullptr) == 1);
  for (const std::string_view part : parts) {
    Require(EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1);
  }
  Sha256Digest digest;
  Require(EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1);
  return digest;
}

std::string HashOf(HashAlgorithm algorithm, std::string_view text) {
  const EVP_MD* const hash = Fetched(algorithm);
  Require(hash != nullptr);
  std::string digest(static_cast<std::size_t>(EVP_MD_get_size(hash)), '\0');
  Require(EVP_Digest(text.data(), text.size(), reinterpret_cast<std::uint8_t*>(digest.data()),
                     nullptr, hash, nullptr) == 1);
  return digest;
}

}  // namespace keysvc::crypto
