#include "tests/support/softhsm_token.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "gtest/gtest.h"

namespace keysvc::testing {

SoftHsmToken::SoftHsmToken() {
  std::filesystem::create_directory(token_directory());
  const std::string configuration = directory_.File("softhsm2.conf");
  WriteFile(configuration, "directories.tokendir = " + token_directory() +
                               "\nobjectstore.backend = file\nlog.level = ERROR\n"
                               "slots.removable = false\n");
  EXPECT_EQ(setenv("SOFTHSM2_CONF", configuration.c_str(), 1), 0);
  WritePin(std::string(kPin) + "\n");
  const std::string command = std::string(KEYSVC_SOFTHSM2_UTIL) + " --init-token --free --label " +
                              kLabel + " --so-pin 84190022 --pin " + kPin + " >/dev/null";
  EXPECT_EQ(std::system(command.c_str()), 0);
}

pkcs11::TokenOptions SoftHsmToken::options() const {
  pkcs11::TokenOptions options;
  options.module_path = KEYSVC_SOFTHSM2_MODULE;
  options.token_label = kLabel;
  options.pin_file = pin_file();
  options.pin_marker_file = marker_file();
  options.token_directory = token_directory();
  options.sessions = 4;
  options.reinitialize_interval = absl::ZeroDuration();
  return options;
}

void SoftHsmToken::TakeAway() {
  std::filesystem::rename(token_directory(), directory_.File("taken-away"));
}

void SoftHsmToken::BringBack() {
  std::filesystem::rename(directory_.File("taken-away"), token_directory());
}

void SoftHsmToken::WritePin(const std::string& content) {
  WriteFile(pin_file(), content);
  EXPECT_EQ(chmod(pin_file().c_str(), S_IRUSR | S_IWUSR), 0);
}

}  // namespace keysvc::testing

// SoftHSM2 leaks the parameters of an Ed25519 key at every use. The slow way to walk the stack is
// needed to see that it is SoftHSM2, since libcrypto stands in between without frame pointers.
extern "C" const char* __lsan_default_suppressions() { return "leak:libsofthsm2.so\n"; }
extern "C" const char* __asan_default_options() { return "fast_unwind_on_malloc=0"; }
