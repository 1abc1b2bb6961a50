#ifndef KEYSVC_TESTS_SUPPORT_NSS_TOKEN_H_
#define KEYSVC_TESTS_SUPPORT_NSS_TOKEN_H_

#include "pkcs11/cryptoki_hsm.h"
#include "tests/support/temporary_directory.h"

namespace keysvc::testing {

// A new, empty token of NSS's softokn in a folder of its own.
class NssToken {
 public:
  NssToken();

  // For OpenToken(): a small pool, short waits, and no pause between recoveries.
  pkcs11::TokenOptions options() const;

 private:
  TemporaryDirectory directory_;
};

}  // namespace keysvc::testing

#endif  // KEYSVC_TESTS_SUPPORT_NSS_TOKEN_H_
