#include "keysvc/rpc/lane.h"

#include <atomic>
#include <chrono>
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
  std::promise<int> done;
  Lane lane(2, 10);
  ASSERT_TRUE(lane.Submit([&done] { done.set_value(7); }));
  EXPECT_EQ(done.get_future().get(), 7);
}

TEST(Lane, ASpareThreadJoinsInWhenWorkHasWaitedForOneThatHangs) {
  Blocker hangs;
  Lane lane(1, 10, "lane", 1, absl::Milliseconds(1));
  ASSERT_TRUE(lane.Submit(hangs.Work()));
  hangs.AwaitRunning();
  std::promise<void> done;
  std::future<void> finished = done.get_future();
  ASSERT_TRUE(lane.Submit([&done] { done.set_value(); }));
  // Each further call asks whether the first in the queue has waited too long.
  while (finished.wait_for(std::chrono::milliseconds(1)) == std::future_status::timeout) {
    (void)lane.Submit([] {});
  }
  hangs.Free();
}

TEST(Lane, ASpareThreadJoinsInAlsoWhenTheQueueIsFullAlready) {
  Blocker hangs;
  Lane lane(1, 1, "lane", 1, absl::ZeroDuration());
  ASSERT_TRUE(lane.Submit(hangs.Work()));
  hangs.AwaitRunning();
  std::promise<void> done;
  ASSERT_TRUE(lane.Submit([&done] { done.set_value(); }));
  EXPECT_FALSE(lane.Submit([] {}));
  done.get_future().wait();
  hangs.Free();
}

TEST(Lane, LosesNoMoreThreadsThanItHasSpareOnes) {
  Blocker first, second;
  Lane lane(1, 2, "lane", 1, absl::ZeroDuration());
  ASSERT_TRUE(lane.Submit(first.Work()));
  first.AwaitRunning();
  ASSERT_TRUE(lane.Submit(second.Work()));
  ASSERT_TRUE(lane.Submit([] {}));
  second.AwaitRunning();
  ASSERT_TRUE(lane.Submit([] {}));
  EXPECT_FALSE(lane.Submit([] {}));
  first.Free();
  second.Free();
}

TEST(Lane, RefusesAtOnceWhenItsQueueIsFull) {
  Blocker blocker;
  Lane lane(1, 2);
  ASSERT_TRUE(lane.Submit(blocker.Work()));
  blocker.AwaitRunning();
  EXPECT_TRUE(lane.Submit([] {}));
  EXPECT_TRUE(lane.Submit([] {}));
  EXPECT_FALSE(lane.Submit([] {}));
  blocker.Free();
}

TEST(Lane, RunsAsManyAtOnceAsItHasThreads) {
  Blocker first, second;
  Lane lane(2, 10);
  ASSERT_TRUE(lane.Submit(first.Work()));
  ASSERT_TRUE(lane.Submit(second.Work()));
  first.AwaitRunning();
  second.AwaitRunning();
  first.Free();
  second.Free();
}

TEST(Lane, FinishesWhatItAcceptedBeforeItStops) {
  Blocker blocker;
  std::atomic<int> done = 0;
  Lane lane(1, 10);
  ASSERT_TRUE(lane.Submit(blocker.Work()));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(lane.Submit([&done] { ++done; }));
  auto stopped = std::async([&lane] { lane.Stop(); });
  blocker.Free();
  stopped.get();
  EXPECT_EQ(done, 5);
  EXPECT_FALSE(lane.Submit([] {}));
}

TEST(Lane, LetsGoOfFinishedWorkBeforeItWaits) {
  std::promise<void> second;
  Lane lane(1, 10);
  auto held = std::make_shared<int>(0);
  const std::weak_ptr<int> watched = held;
  ASSERT_TRUE(lane.Submit([held = std::move(held)] {}));
  ASSERT_TRUE(lane.Submit([&] {
    EXPECT_TRUE(watched.expired());
    second.set_value();
  }));
  second.get_future().wait();
}

}  // namespace
}  // namespace keysvc::rpc
