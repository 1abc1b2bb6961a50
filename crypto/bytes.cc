#include "crypto/bytes.h"

#include <openssl/crypto.h>

namespace keysvc::crypto {

bool EqualInConstantTime(ByteView a, ByteView b) {
  if (a.size() != b.size()) return false;
  return a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void Wipe(std::string& text) {
  OPENSSL_cleanse(text.data(), text.size());
  text.clear();
}

}  // namespace keysvc::crypto
