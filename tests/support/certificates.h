#ifndef KEYSVC_TESTS_SUPPORT_CERTIFICATES_H_
#define KEYSVC_TESTS_SUPPORT_CERTIFICATES_H_

#include <string>
#include <vector>

#include "tests/support/temporary_directory.h"

namespace keysvc::testing {

// A certificate with its key, both PEM.
struct Credential {
  std::string certificate;
  std::string key;
};

// A certificate authority made by the openssl program; its files stay in a folder of its own.
class TestAuthority {
 public:
  explicit TestAuthority(const std::string& name);

  const std::string& certificate() const { return own_.certificate; }

  // A certificate for these subject alternative names ("URI:spiffe://..", "DNS:localhost",
  // "IP:127.0.0.1"), valid for `days` from now; negative: it ended that long ago.
  Credential Issue(const std::vector<std::string>& names, int days = 1);

 private:
  Credential Read(const std::string& name) const;

  TemporaryDirectory folder_;
  int issued_ = 0;
  Credential own_;
};

}  // namespace keysvc::testing

#endif  // KEYSVC_TESTS_SUPPORT_CERTIFICATES_H_
