#include "keysvc/rpc/lane.h"

#include <atomic>
#include <future>
#include <memory>
#include <utility>

#include "gtest/gtest.h"

namespace keysvc::rpc {
namespace {

// Work that keeps a thread busy until it is let go.
class Blocker {
 public:
  Lane::Work Work() {
    return [this] {
      running_.set_value();
      freed_.get_future().wait();
    };
  }
  void AwaitRunning() { running_.get_future().wait(); }
  void Free() { freed_.set_value(); }

 private:
  std::promise<void> running_, freed_;
};

TEST(Lane, DoesWhatItAccepts) {
  Lane lane(2, 10);
  std::promise<int> done;
  ASSERT_TRUE(lane.Submit([&done] { done.set_value(7); }));
  EXPECT_EQ(done.get_future().get(), 7);
}

TEST(Lane, RefusesAtOnceWhenItsQueueIsFull) {
  Lane lane(1, 2);
  Blocker blocker;
  ASSERT_TRUE(lane.Submit(blocker.Work()));
  blocker.AwaitRunning();
  EXPECT_TRUE(lane.Submit([] {}));
  EXPECT_TRUE(lane.Submit([] {}));
  EXPECT_FALSE(lane.Submit([] {}));
  blocker.Free();
}

TEST(Lane, RunsAsManyAtOnceAsItHasThreads) {
  Lane lane(2, 10);
  Blocker first, second;
  ASSERT_TRUE(lane.Submit(first.Work()));
  ASSERT_TRUE(lane.Submit(second.Work()));
  first.AwaitRunning();
  second.AwaitRunning();
  first.Free();
  second.Free();
}

TEST(Lane, FinishesWhatItAcceptedBeforeItStops) {
  Lane lane(1, 10);
  Blocker blocker;
  ASSERT_TRUE(lane.Submit(blocker.Work()));
  std::atomic<int> done = 0;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(lane.Submit([&done] { ++done; }));
  auto stopped = std::async([&lane] { lane.Stop(); });
  blocker.Free();
  stopped.get();
  EXPECT_EQ(done, 5);
  EXPECT_FALSE(lane.Submit([] {}));
}

TEST(Lane, LetsGoOfFinishedWorkBeforeItWaits) {
  Lane lane(1, 10);
  auto held = std::make_shared<int>(0);
  const std::weak_ptr<int> watched = held;
  std::promise<void> second;
  ASSERT_TRUE(lane.Submit([held = std::move(held)] {}));
  ASSERT_TRUE(lane.Submit([&] {
    EXPECT_TRUE(watched.expired());
    second.set_value();
  }));
  second.get_future().wait();
}

}  // namespace
}  // namespace keysvc::rpc
