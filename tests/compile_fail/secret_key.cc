#include <iostream>
#include <utility>

#include "crypto/secret_key.h"

namespace keysvc::crypto {

void Use(SecretKey<32> key) {
  SecretKey<32> moved = std::move(key);
#ifdef PRINT
  std::cout << moved;
#endif
#ifdef COPY
  SecretKey<32> copy = moved;
#endif
#ifdef CONFUSE
  SecretKey<16> other = std::move(moved);
#endif
}

}  // namespace keysvc::crypto
