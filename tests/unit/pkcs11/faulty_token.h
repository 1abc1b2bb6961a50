#ifndef KEYSVC_TESTS_UNIT_PKCS11_FAULTY_TOKEN_H_
#define KEYSVC_TESTS_UNIT_PKCS11_FAULTY_TOKEN_H_

#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "pkcs11/cryptoki_hsm.h"
#include "tests/fakes/fault_module.h"
#include "tests/support/softhsm_token.h"
#include "tests/support/status_matchers.h"

namespace keysvc::pkcs11 {

namespace fault = testing::fault_module;

inline constexpr std::size_t kForEver = 1'000'000;

// A token of SoftHSM2 behind a library that fails on demand.
class FaultyToken : public ::testing::Test {
 protected:
  FaultyToken() {
    fault::Reset();
    options_ = token_.options();
    options_.module_path = KEYSVC_FAULT_MODULE;
  }

  void Open() {
    hsm_.reset();
    auto opened = OpenToken(options_);
    ASSERT_OK(opened);
    hsm_ = *std::move(opened);
  }
  // Opens the token with an HMAC key "mac" and a wrapping key "wrap".
  void OpenWithKeys() {
    Open();
    ASSERT_OK(hsm_->Generate("mac", KeyKind::kHmacSha256));
    ASSERT_OK(hsm_->Generate("wrap", KeyKind::kAes256Wrapping));
    const auto wrapped = hsm_->Wrap("wrap", crypto::AsBytes("secret"), "context");
    ASSERT_OK(wrapped);
    wrapped_ = *wrapped;
    ASSERT_OK(Mac());
    fault::Reset();
  }
  absl::StatusOr<std::string> Mac() { return hsm_->Sign("mac", Mechanism::kHmacSha256, "m"); }

  testing::SoftHsmToken token_;
  TokenOptions options_;
  std::unique_ptr<Hsm> hsm_;
  std::string wrapped_;
};

}  // namespace keysvc::pkcs11

#endif  // KEYSVC_TESTS_UNIT_PKCS11_FAULTY_TOKEN_H_
