#include "tests/support/nss_token.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "gtest/gtest.h"

namespace keysvc::testing {
namespace {

constexpr char kPin[] = "735911";

}  // namespace

NssToken::NssToken() {
  // Softokn hashes the PIN this often for every private object that it reads.
  EXPECT_EQ(setenv("NSS_MAX_MP_PBE_ITERATION_COUNT", "1000", 1), 0);
  std::filesystem::create_directory(directory_.File("nss"));
  WriteFile(directory_.File("pin"), kPin);
  EXPECT_EQ(chmod(directory_.File("pin").c_str(), S_IRUSR | S_IWUSR), 0);
  const std::string command = std::string(KEYSVC_CERTUTIL) +
                              " -N -d sql:" + directory_.File("nss") + " -f " +
                              directory_.File("pin");
  EXPECT_EQ(std::system(command.c_str()), 0);
}

pkcs11::TokenOptions NssToken::options() const {
  pkcs11::TokenOptions options;
  options.module_path = KEYSVC_SOFTOKN_MODULE;
  options.module_arguments = "configdir='sql:" + directory_.File("nss") +
                             "' certPrefix='' keyPrefix='' secmod='secmod.db' flags=noModDB";
  options.token_label = "NSS Certificate DB";
  options.pin_file = directory_.File("pin");
  options.pin_marker_file = directory_.File("pin.refused");
  options.token_directory = directory_.File("nss");
  options.restrict_mechanisms = false;
  options.sessions = 4;
  options.reinitialize_interval = absl::ZeroDuration();
  return options;
}

}  // namespace keysvc::testing
