// Calls that hang inside the library: who waits, how long, and who goes on.
#include "pkcs11/patient_hsm.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "crypto/secret_access.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_hsm.h"
#include "tests/support/status_matchers.h"

namespace keysvc::pkcs11 {
namespace {

using testing::FakeHsm;
using testing::HasReason;
using testing::HsmVerb;
using testing::IsOk;

constexpr std::size_t kAtOnce = 2;
constexpr absl::Duration kForEver = absl::Minutes(5);

std::size_t ThreadsOfThisProcess() {
  using Tasks = std::filesystem::directory_iterator;
  return static_cast<std::size_t>(std::distance(Tasks("/proc/self/task"), Tasks()));
}

// A FakeHsm behind a gate that calls of one verb wait at.
class PatientHsmTest : public ::testing::Test {
 protected:
  PatientHsmTest() {
    auto fake = std::make_unique<FakeHsm>();
    fake_ = fake.get();
    EXPECT_OK(fake->Generate("mac", KeyKind::kHmacSha256));
    EXPECT_OK(fake->Generate("wrap", KeyKind::kAes256Wrapping));
    inner_ = std::move(fake);
  }
  // No thread may outlive the test, whose end takes away what it uses.
  ~PatientHsmTest() override {
    Release();
    hsm_.reset();
    while (ThreadsOfThisProcess() > threads_) std::this_thread::yield();
  }

  void MakePatientWith(absl::Duration within) {
    hsm_ = std::make_unique<PatientHsm>(std::move(inner_),
                                        std::make_unique<CallThreads>(kAtOnce, kForEver), within);
  }
  void Hang(HsmVerb verb) {
    fake_->BeforeEach(verb, [this, gate = gate_] {
      ++inside_;
      gate.wait();
    });
  }
  // A call may be given up before its thread has come to the gate.
  void AwaitInside(std::size_t calls) {
    while (inside_ < calls) std::this_thread::yield();
    EXPECT_EQ(inside_, calls);
  }
  void Release() {
    if (!std::exchange(released_, true)) open_.set_value();
  }
  absl::Status Sign() { return hsm_->Sign("mac", Mechanism::kHmacSha256, "m").status(); }

  const std::size_t threads_ = ThreadsOfThisProcess();
  std::promise<void> open_;
  const std::shared_future<void> gate_ = open_.get_future().share();
  bool released_ = false;
  std::atomic<std::size_t> inside_ = 0;
  FakeHsm* fake_;
  std::shared_ptr<Hsm> inner_;
  std::unique_ptr<PatientHsm> hsm_;
};

TEST_F(PatientHsmTest, GivesUpACallThatHangsAndGoesOnWithOthers) {
  MakePatientWith(absl::Milliseconds(200));
  Hang(HsmVerb::kUnwrap);
  EXPECT_THAT(hsm_->Unwrap("wrap", std::string(60, 'x'), ""), HasReason(Reason::kHsmUnavailable));
  AwaitInside(1);
  for (int i = 0; i < 10; ++i) EXPECT_OK(Sign());
}

TEST_F(PatientHsmTest, RefusesAtOnceWhileOneCallFindsOutWhetherTheTokenAnswers) {
  MakePatientWith(absl::Seconds(1));
  Hang(HsmVerb::kSign);
  EXPECT_THAT(Sign(), HasReason(Reason::kHsmUnavailable));
  auto trial = std::async(std::launch::async, [this] { return Sign(); });
  AwaitInside(2);
  // Neither is let in beside the trial.
  EXPECT_THAT(Sign(), HasReason(Reason::kHsmUnavailable));
  EXPECT_THAT(hsm_->List(), HasReason(Reason::kHsmUnavailable));
  EXPECT_EQ(inside_, 2U);
  EXPECT_THAT(trial.get(), HasReason(Reason::kHsmUnavailable));
}

TEST_F(PatientHsmTest, LosesNoMoreThreadsThanTwiceWhatWorksAtOnceAndGetsThemBack) {
  MakePatientWith(absl::Milliseconds(20));
  Hang(HsmVerb::kSign);
  for (std::size_t i = 0; i < 3 * kAtOnce; ++i) {
    EXPECT_THAT(Sign(), HasReason(Reason::kHsmUnavailable));
  }
  AwaitInside(2 * kAtOnce);
  // Nothing is left to try with, whatever is asked for.
  EXPECT_THAT(hsm_->List(), HasReason(Reason::kHsmUnavailable));
  Release();
  while (!hsm_->List().ok()) std::this_thread::yield();
  EXPECT_OK(Sign());
}

TEST_F(PatientHsmTest, HasPatienceWithTheMakingOfKeys) {
  MakePatientWith(absl::Milliseconds(50));
  Hang(HsmVerb::kGenerate);
  auto made = std::async(std::launch::async,
                         [this] { return hsm_->Generate("slow", KeyKind::kHmacSha256); });
  AwaitInside(1);
  EXPECT_EQ(made.wait_for(std::chrono::milliseconds(100)), std::future_status::timeout);
  Release();
  EXPECT_OK(made.get());
}

TEST_F(PatientHsmTest, ACallThatWasGivenUpStillHasWhatItWorksOn) {
  MakePatientWith(absl::Milliseconds(50));
  Hang(HsmVerb::kWrap);
  {
    std::string secret(64, 's');
    EXPECT_THAT(hsm_->Wrap("wrap", crypto::AsBytes(secret), std::string("context")),
                HasReason(Reason::kHsmUnavailable));
    secret.assign(64, '\0');
  }
  Release();
  while (fake_->calls(HsmVerb::kWrap) == 0) std::this_thread::yield();
  while (!hsm_->List().ok()) std::this_thread::yield();
  EXPECT_EQ(fake_->calls(HsmVerb::kWrap), 1U);
}

TEST_F(PatientHsmTest, EndsWhileACallHangsAndLetsItComeBackLater) {
  MakePatientWith(absl::Milliseconds(20));
  Hang(HsmVerb::kSign);
  EXPECT_THAT(Sign(), HasReason(Reason::kHsmUnavailable));
  // Keeps the fake, which the call still uses.
  hsm_.reset();
  Release();
}

// What OpenSSL keeps for each thread goes at the thread's end, and must not find OpenSSL gone.
TEST_F(PatientHsmTest, ItsEndWaitsForTheEndsOfItsThreads) {
  struct EndOfThread {
    explicit EndOfThread(std::atomic<bool>& ended) : ended_(ended) {}
    ~EndOfThread() {
      // Long enough that whoever does not wait for it is gone.
      std::promise<void>().get_future().wait_for(std::chrono::milliseconds(100));
      ended_ = true;
    }
    std::atomic<bool>& ended_;
  };
  std::atomic<bool> ended = false;
  fake_->BeforeEach(HsmVerb::kList, [&ended] { thread_local const EndOfThread end(ended); });
  MakePatientWith(absl::Seconds(30));
  EXPECT_OK(hsm_->List());
  hsm_.reset();
  EXPECT_TRUE(ended);
}

TEST_F(PatientHsmTest, SignsInPlaceOnTheCallersThreadUntilTheTokenIsKnownToBeSilent) {
  MakePatientWith(absl::Milliseconds(200));
  std::thread::id signed_by;
  fake_->BeforeEach(HsmVerb::kSign, [&] { signed_by = std::this_thread::get_id(); });
  const auto sign = [&] {
    return hsm_->in_place().Sign("mac", Mechanism::kHmacSha256, "m").status();
  };
  EXPECT_OK(sign());
  EXPECT_EQ(signed_by, std::this_thread::get_id());
  Hang(HsmVerb::kProbe);
  EXPECT_THAT(hsm_->in_place().Probe("mac"), HasReason(Reason::kHsmUnavailable));
  EXPECT_OK(sign());
  EXPECT_NE(signed_by, std::this_thread::get_id());
  // It came back, so the token answers.
  EXPECT_OK(sign());
  EXPECT_EQ(signed_by, std::this_thread::get_id());
}

TEST_F(PatientHsmTest, ManyThreadsGetTheirAnswers) {
  MakePatientWith(absl::Minutes(1));
  std::vector<std::future<int>> callers;
  for (int i = 0; i < 8; ++i) {
    callers.push_back(std::async(std::launch::async, [this] {
      int done = 0;
      for (int call = 0; call < 200; ++call) done += Sign().ok() ? 1 : 0;
      return done;
    }));
  }
  for (auto& caller : callers) EXPECT_EQ(caller.get(), 200);
}

}  // namespace
}  // namespace keysvc::pkcs11
