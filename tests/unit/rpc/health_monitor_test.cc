#include "keysvc/rpc/health_monitor.h"

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/time/time.h"
#include "audit/journal.h"
#include "gtest/gtest.h"
#include "keysvc/keys/deployment.h"
#include "status/reason.h"
#include "tests/fakes/fake_hsm.h"
#include "tests/fakes/memory_store.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace keysvc::rpc {
namespace {

using testing::HsmVerb;

// Remembers what it was told and lets a test wait for it.
class TestHealth : public grpc::HealthCheckServiceInterface {
 public:
  void SetServingStatus(const std::string& service, bool serving) override {
    const std::lock_guard lock(mutex_);
    serving_[service] = serving;
    changed_.notify_all();
  }
  void SetServingStatus(bool /*serving*/) override { FAIL(); }
  void Shutdown() override { shut_down_ = true; }

  void Await(const std::string& service, bool serving) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return serving_[service] == serving; });
  }
  bool Serves(const std::string& service) {
    const std::lock_guard lock(mutex_);
    return serving_[service];
  }
  bool shut_down() const { return shut_down_; }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, bool> serving_;
  bool shut_down_ = false;
};

class HealthMonitorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    deployment_.name = "health";
    deployment_.environment = "development";
    deployment_.sidecar_path = folder_.File("sidecar");
    ASSERT_OK(keys::InitializeDeployment(deployment_, hsm));
    auto signer = keys::OpenCheckpointSigner(deployment_, hsm);
    ASSERT_OK(signer);
    signer_ = *std::move(signer);
    audit::JournalOptions options;
    options.origin = "test/health";
    options.checkpoint_directory = folder_.path();
    auto started = audit::Journal::Start(store, *signer_, options);
    ASSERT_OK(started);
    journal = *std::move(started);
    monitor = std::make_unique<HealthMonitor>(
        health, *journal, [this] { return hsm.Probe(deployment_.CanaryLabel()); },
        absl::Milliseconds(5));
  }

  testing::TemporaryDirectory folder_;
  keys::Deployment deployment_;
  std::unique_ptr<audit::CheckpointSigner> signer_;
  testing::FakeHsm hsm;
  testing::MemoryStore store;
  TestHealth health;
  std::unique_ptr<audit::Journal> journal;
  std::unique_ptr<HealthMonitor> monitor;
};

TEST_F(HealthMonitorTest, SaysServingFromTheStart) {
  for (const char* service : {"", "keysvc.v1.TokenService", "keysvc.v1.SigningService",
                              "keysvc.v1.KeyService", "keysvc.v1.AuditService"}) {
    EXPECT_TRUE(health.Serves(service)) << service;
  }
}

TEST_F(HealthMonitorTest, FollowsTheHsm) {
  hsm.FailAlways(HsmVerb::kProbe, Error(Reason::kHsmUnavailable, "away"));
  health.Await("keysvc.v1.SigningService", false);
  health.Await("keysvc.v1.KeyService", false);
  health.Await("", false);
  EXPECT_TRUE(health.Serves("keysvc.v1.TokenService"));
  hsm.Heal();
  health.Await("", true);
}

TEST_F(HealthMonitorTest, FollowsTheLog) {
  store.Fail(testing::MemoryStore::Step::kBegin, 1'000'000);
  EXPECT_FALSE(journal->Record({}).ok());
  health.Await("keysvc.v1.TokenService", false);
  health.Await("", false);
  store.Heal();
  health.Await("keysvc.v1.TokenService", true);
}

TEST_F(HealthMonitorTest, SaysNotServingForGoodWhenItStops) {
  monitor->Stop();
  EXPECT_TRUE(health.shut_down());
}

}  // namespace
}  // namespace keysvc::rpc
