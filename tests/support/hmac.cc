#include "tests/support/hmac.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace keysvc::testing {

std::string HmacSha256(const std::string& key, const std::string& message) {
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(message.data()), message.size(), mac, &size);
  return {reinterpret_cast<const char*>(mac), size};
}

}  // namespace keysvc::testing
