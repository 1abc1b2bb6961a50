#include <iostream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "crypto/secret_bytes.h"

namespace keysvc::crypto {

void Use(SecretBytes secret) {
  std::cout << "size " << secret.size();
  const ByteView bytes = secret.Expose(SecretAccess::kGranted);
  const std::string text = absl::StrCat("size ", bytes.size());
  SecretBytes moved = std::move(secret);
#ifdef PRINT
  std::cout << moved;
#endif
#ifdef COPY
  SecretBytes copy = moved;
#endif
#ifdef CONCATENATE
  absl::StrCat("secret ", moved);
#endif
#ifdef READ
  moved.Expose();
#endif
#ifdef TEXT
  std::string leaked = moved;
#endif
}

}  // namespace keysvc::crypto
