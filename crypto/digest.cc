#include "crypto/digest.h"

#include "crypto/openssl_handle.h"

namespace keysvc::crypto {

Sha256Digest Sha256(std::initializer_list<std::string_view> parts) {
  static EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  thread_local const DigestContext context(EVP_MD_CTX_new());
  Require(sha256 != nullptr && EVP_DigestInit_ex2(context.get(), sha256, nullptr) == 1);
  for (const std::string_view part : parts) {
    Require(EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1);
  }
  Sha256Digest digest;
  Require(EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) == 1);
  return digest;
}

}  // namespace keysvc::crypto
