#ifndef KEYSVC_TESTS_SUPPORT_SOFTHSM_TOKEN_H_
#define KEYSVC_TESTS_SUPPORT_SOFTHSM_TOKEN_H_

#include <string>

#include "pkcs11/cryptoki_hsm.h"
#include "tests/support/temporary_directory.h"

namespace keysvc::testing {

// A new, empty SoftHSM2 token in a folder of its own. Points SOFTHSM2_CONF at it, which the library
// reads at C_Initialize: only the token made last can be opened, and in one place at a time.
class SoftHsmToken {
 public:
  static constexpr char kLabel[] = "keysvc-test";
  static constexpr char kPin[] = "735911";

  SoftHsmToken();

  // For OpenToken(): a small pool, short waits, and no pause between recoveries.
  pkcs11::TokenOptions options() const;

  // Moves the directory of all tokens out of the library's sight, and back.
  void TakeAway();
  void BringBack();

  void WritePin(const std::string& content);
  std::string pin_file() const { return directory_.File("pin"); }
  std::string marker_file() const { return directory_.File("pin.refused"); }
  std::string token_directory() const { return directory_.File("tokens"); }

 private:
  TemporaryDirectory directory_;
};

}  // namespace keysvc::testing

#endif  // KEYSVC_TESTS_SUPPORT_SOFTHSM_TOKEN_H_
