#include "crypto/kdf.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <utility>

#include "crypto/openssl_handle.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::crypto {

absl::StatusOr<SecretKey<32>> DeriveKey(const SecretKey<32>& key, std::string_view info) {
  static EVP_KDF* const hkdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  ASSIGN_OR_RETURN(SecretBytes derived, SecretBytes::Create(SecretKey<32>::kSize));
  const ByteView bytes = key.Expose(SecretAccess::kGranted);
  char digest[] = "SHA256";
  // OSSL_PARAM has no const pointers, and EVP_KDF_derive only reads.
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, const_cast<std::uint8_t*>(bytes.data()),
                                        bytes.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, const_cast<char*>(info.data()),
                                        info.size()),
      OSSL_PARAM_construct_end(),
  };
  const KdfContext context(EVP_KDF_CTX_new(hkdf));
  const std::span<std::uint8_t> out = derived.ExposeMutable(SecretAccess::kGranted);
  if (context == nullptr || EVP_KDF_derive(context.get(), out.data(), out.size(), params) != 1) {
    return Error(Reason::kInternal, "HKDF failed");
  }
  return SecretKey<32>::From(std::move(derived));
}

}  // namespace keysvc::crypto
