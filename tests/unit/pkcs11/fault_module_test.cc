// The library that fails on demand: that it forwards everything, and is told from outside.
#include "tests/fakes/fault_module.h"

#include <filesystem>
#include <future>
#include <string>

#include "gtest/gtest.h"
#include "pkcs11/cryptoki_hsm.h"
#include "pkcs11/module.h"
#include "tests/fakes/cryptoki_functions.h"
#include "tests/support/softhsm_token.h"
#include "tests/support/status_matchers.h"

namespace keysvc::pkcs11 {
namespace {

namespace fault = testing::fault_module;
using testing::HasReason;
using testing::IsOk;

class FaultModule : public ::testing::Test {
 protected:
  FaultModule() {
    fault::Reset();
    EXPECT_EQ(setenv("KEYSVC_FAULT_RULES", rules_.c_str(), 1), 0);
    options_ = token_.options();
    options_.module_path = KEYSVC_FAULT_MODULE;
  }
  ~FaultModule() override { unsetenv("KEYSVC_FAULT_RULES"); }

  void Rules(const std::string& text) {
    testing::WriteFile(rules_ + ".new", text);
    std::filesystem::rename(rules_ + ".new", rules_);
  }

  testing::TemporaryDirectory directory_;
  const std::string rules_ = directory_.File("rules");
  testing::SoftHsmToken token_;
  TokenOptions options_;
};

template <typename... Arguments>
CK_RV CallWithNothing(CK_RV (*function)(Arguments...)) {
  return function(Arguments{}...);
}

TEST_F(FaultModule, EveryFunctionPassesThroughItUnderItsOwnName) {
  const auto module = Module::Load(KEYSVC_FAULT_MODULE);
  ASSERT_OK(module);
  fault::Reset();
  Rules("* * return CKR_CANCEL\n");
  std::size_t functions = 0;
#define KEYSVC_CALL(function)                                                           \
  EXPECT_EQ(CallWithNothing((*module)->functions().function), CKR_CANCEL) << #function; \
  EXPECT_EQ(fault::Calls(#function), 1U) << #function;                                  \
  ++functions;
  KEYSVC_CRYPTOKI_FUNCTIONS(KEYSVC_CALL)
#undef KEYSVC_CALL
  EXPECT_EQ(functions, 68U);
}

TEST_F(FaultModule, FaultsComeAndGoWithTheFile) {
  auto hsm = OpenToken(options_);
  ASSERT_OK(hsm);
  ASSERT_OK((*hsm)->Generate("mac", KeyKind::kHmacSha256));
  Rules("C_SignInit * return CKR_KEY_FUNCTION_NOT_PERMITTED\n");
  EXPECT_THAT((*hsm)->Probe("mac"), HasReason(Reason::kHsmFailure));
  Rules("C_SignInit 2 return CKR_KEY_FUNCTION_NOT_PERMITTED\n");
  EXPECT_OK((*hsm)->Probe("mac"));
  EXPECT_THAT((*hsm)->Probe("mac"), HasReason(Reason::kHsmFailure));
  std::filesystem::remove(rules_);
  EXPECT_OK((*hsm)->Probe("mac"));
}

TEST_F(FaultModule, ALostAnswerIsToWorkThatWasDone) {
  auto hsm = OpenToken(options_);
  ASSERT_OK(hsm);
  ASSERT_OK((*hsm)->Generate("mac", KeyKind::kHmacSha256));
  // Without the key the second call has nothing to destroy.
  Rules("C_DestroyObject 1 lose CKR_FUNCTION_NOT_SUPPORTED\n");
  EXPECT_THAT((*hsm)->Destroy("mac"), HasReason(Reason::kAlgorithmUnsupported));
  const auto keys = (*hsm)->List();
  ASSERT_OK(keys);
  EXPECT_TRUE(keys->empty());
}

TEST_F(FaultModule, ACallHangsUntilItIsReleased) {
  auto hsm = OpenToken(options_);
  ASSERT_OK(hsm);
  ASSERT_OK((*hsm)->Generate("mac", KeyKind::kHmacSha256));
  ASSERT_OK((*hsm)->Probe("mac"));
  fault::Reset();
  const std::string gate = directory_.File("gate");
  testing::WriteFile(gate, "");
  Rules("C_Sign 1 hang " + gate + "\n");
  auto hung = std::async(std::launch::async, [&] { return (*hsm)->Probe("mac"); });
  while (fault::Calls("C_Sign") == 0) std::this_thread::yield();
  EXPECT_OK((*hsm)->Probe("mac"));
  EXPECT_EQ(hung.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  std::filesystem::remove(gate);
  EXPECT_OK(hung.get());
}

}  // namespace
}  // namespace keysvc::pkcs11
