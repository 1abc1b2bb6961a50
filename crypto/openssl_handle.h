// Owners of OpenSSL objects, for the files of this folder only.
#ifndef KEYSVC_CRYPTO_OPENSSL_HANDLE_H_
#define KEYSVC_CRYPTO_OPENSSL_HANDLE_H_

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <cstdlib>
#include <memory>

namespace keysvc::crypto {

template <auto kFree>
struct OpenSslDeleter {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};

using BignumHandle = std::unique_ptr<BIGNUM, OpenSslDeleter<BN_free>>;
using BioHandle = std::unique_ptr<BIO, OpenSslDeleter<BIO_free_all>>;
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, OpenSslDeleter<EVP_CIPHER_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, OpenSslDeleter<EVP_MD_CTX_free>>;
using KdfContext = std::unique_ptr<EVP_KDF_CTX, OpenSslDeleter<EVP_KDF_CTX_free>>;
using MacContext = std::unique_ptr<EVP_MAC_CTX, OpenSslDeleter<EVP_MAC_CTX_free>>;
using PkeyContext = std::unique_ptr<EVP_PKEY_CTX, OpenSslDeleter<EVP_PKEY_CTX_free>>;
using PkeyHandle = std::unique_ptr<EVP_PKEY, OpenSslDeleter<EVP_PKEY_free>>;

// Ends the process when a primitive that has no way to report fails: going on without it would be
// worse than stopping.
inline void Require(bool succeeded) {
  if (!succeeded) std::abort();
}

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_OPENSSL_HANDLE_H_
