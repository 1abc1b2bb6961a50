// How many sessions of a token are used, on SoftHSM2 behind a library that fails on demand.
#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/pkcs11/faulty_token.h"

namespace keysvc::pkcs11 {
namespace {

using testing::HasReason;
using testing::IsOk;

// Lets no signature through until it is opened.
class SigningGate {
 public:
  SigningGate() {
    fault::Before("C_Sign", [this, gate = opened_.get_future().share()] {
      ++inside_;
      gate.wait();
    });
  }
  void AwaitInside(int signatures) const {
    while (inside_ < signatures) std::this_thread::yield();
  }
  int inside() const { return inside_; }
  void Open() { opened_.set_value(); }

 private:
  std::promise<void> opened_;
  std::atomic<int> inside_ = 0;
};

class SessionPool : public FaultyToken {};

TEST_F(SessionPool, LendsNoMoreSessionsThanItsBound) {
  options_.sessions = 2;
  options_.session_wait = absl::Milliseconds(50);
  OpenWithKeys();
  SigningGate gate;
  std::vector<std::future<absl::StatusOr<std::string>>> blocked;
  for (int i = 0; i < 2; ++i)
    blocked.push_back(std::async(std::launch::async, [&] { return Mac(); }));
  gate.AwaitInside(2);
  EXPECT_THAT(Mac(), HasReason(Reason::kHsmUnavailable));
  EXPECT_EQ(gate.inside(), 2);
  gate.Open();
  for (auto& result : blocked) EXPECT_OK(result.get());
  EXPECT_OK(Mac());
}

TEST_F(SessionPool, WaitsForASessionThatComesFree) {
  options_.sessions = 1;
  options_.session_wait = absl::Seconds(30);
  OpenWithKeys();
  SigningGate gate;
  auto first = std::async(std::launch::async, [&] { return Mac(); });
  gate.AwaitInside(1);
  auto second = std::async(std::launch::async, [&] { return Mac(); });
  gate.Open();
  EXPECT_OK(first.get());
  EXPECT_OK(second.get());
}

TEST_F(SessionPool, DoesWithTheSessionsThatATokenHas) {
  options_.session_wait = absl::Seconds(30);
  OpenWithKeys();
  SigningGate gate;
  auto first = std::async(std::launch::async, [&] { return Mac(); });
  gate.AwaitInside(1);
  fault::Fail("C_OpenSession", CKR_SESSION_COUNT, kForEver);
  auto second = std::async(std::launch::async, [&] { return Mac(); });
  while (fault::Calls("C_OpenSession") == 0) std::this_thread::yield();
  gate.Open();
  EXPECT_OK(first.get());
  EXPECT_OK(second.get());
}

TEST_F(SessionPool, OpensMoreSessionsAgainOnceTheTokenHasThem) {
  options_.sessions = 2;
  options_.session_wait = absl::Seconds(30);
  options_.session_regrow = absl::ZeroDuration();
  OpenWithKeys();
  {
    SigningGate gate;
    auto first = std::async(std::launch::async, [&] { return Mac(); });
    gate.AwaitInside(1);
    fault::Fail("C_OpenSession", CKR_SESSION_COUNT, 1);
    auto second = std::async(std::launch::async, [&] { return Mac(); });
    while (fault::Calls("C_OpenSession") == 0) std::this_thread::yield();
    gate.Open();
    EXPECT_OK(first.get());
    EXPECT_OK(second.get());
  }
  fault::Reset();
  SigningGate gate;
  std::vector<std::future<absl::StatusOr<std::string>>> both;
  for (int i = 0; i < 2; ++i) both.push_back(std::async(std::launch::async, [&] { return Mac(); }));
  gate.AwaitInside(2);
  gate.Open();
  for (auto& result : both) EXPECT_OK(result.get());
}

}  // namespace
}  // namespace keysvc::pkcs11
