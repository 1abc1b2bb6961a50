#include "keysvc/rpc/lane.h"

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keysvc::rpc {
namespace {

constexpr char kCaller[] = "checkout";
constexpr char kOther[] = "settlement";

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
  ASSERT_TRUE(lane.Submit(kCaller, [&done] { done.set_value(7); }));
  EXPECT_EQ(done.get_future().get(), 7);
}

TEST(Lane, ASpareThreadJoinsInWhenWorkHasWaitedForOneThatHangs) {
  Blocker hangs;
  Lane lane(1, 10, "lane", 1, absl::Milliseconds(1));
  ASSERT_TRUE(lane.Submit(kCaller, hangs.Work()));
  hangs.AwaitRunning();
  std::promise<void> done;
  std::future<void> finished = done.get_future();
  ASSERT_TRUE(lane.Submit(kCaller, [&done] { done.set_value(); }));
  // Each further call asks whether the first in the queue has waited too long.
  while (finished.wait_for(std::chrono::milliseconds(1)) == std::future_status::timeout) {
    (void)lane.Submit(kCaller, [] {});
  }
  hangs.Free();
}

TEST(Lane, ASpareThreadJoinsInAlsoWhenTheQueueIsFullAlready) {
  Blocker hangs;
  Lane lane(1, 1, "lane", 1, absl::ZeroDuration());
  ASSERT_TRUE(lane.Submit(kCaller, hangs.Work()));
  hangs.AwaitRunning();
  std::promise<void> done;
  ASSERT_TRUE(lane.Submit(kCaller, [&done] { done.set_value(); }));
  EXPECT_FALSE(lane.Submit(kCaller, [] {}));
  done.get_future().wait();
  hangs.Free();
}

TEST(Lane, LosesNoMoreThreadsThanItHasSpareOnes) {
  Blocker first, second;
  Lane lane(1, 2, "lane", 1, absl::ZeroDuration());
  ASSERT_TRUE(lane.Submit(kCaller, first.Work()));
  first.AwaitRunning();
  ASSERT_TRUE(lane.Submit(kCaller, second.Work()));
  ASSERT_TRUE(lane.Submit(kCaller, [] {}));
  second.AwaitRunning();
  ASSERT_TRUE(lane.Submit(kCaller, [] {}));
  EXPECT_FALSE(lane.Submit(kCaller, [] {}));
  first.Free();
  second.Free();
}

TEST(Lane, RefusesAtOnceWhenItsQueueIsFull) {
  Blocker blocker;
  Lane lane(1, 2);
  ASSERT_TRUE(lane.Submit(kCaller, blocker.Work()));
  blocker.AwaitRunning();
  EXPECT_TRUE(lane.Submit(kCaller, [] {}));
  EXPECT_TRUE(lane.Submit(kCaller, [] {}));
  EXPECT_FALSE(lane.Submit(kCaller, [] {}));
  blocker.Free();
}

TEST(Lane, RunsAsManyAtOnceAsItHasThreads) {
  Blocker first, second;
  Lane lane(2, 10);
  ASSERT_TRUE(lane.Submit(kCaller, first.Work()));
  ASSERT_TRUE(lane.Submit(kCaller, second.Work()));
  first.AwaitRunning();
  second.AwaitRunning();
  first.Free();
  second.Free();
}

TEST(Lane, FinishesWhatItAcceptedBeforeItStops) {
  Blocker blocker;
  std::atomic<int> done = 0;
  Lane lane(1, 10);
  ASSERT_TRUE(lane.Submit(kCaller, blocker.Work()));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(lane.Submit(kCaller, [&done] { ++done; }));
  auto stopped = std::async([&lane] { lane.Stop(); });
  blocker.Free();
  stopped.get();
  EXPECT_EQ(done, 5);
  EXPECT_FALSE(lane.Submit(kCaller, [] {}));
}

// What a lane did, in order. Read after Stop().
class Journey {
 public:
  Lane::Work Note(std::string what) {
    return [this, what = std::move(what)] { done_.push_back(what); };
  }
  const std::vector<std::string>& done() const { return done_; }

 private:
  std::vector<std::string> done_;
};

TEST(Lane, PrincipalsTakeTurns) {
  Blocker blocker;
  Journey journey;
  Lane lane(1, 10);
  ASSERT_TRUE(lane.Submit(kCaller, blocker.Work()));
  blocker.AwaitRunning();
  for (const char* what : {"a1", "a2", "a3"}) ASSERT_TRUE(lane.Submit(kCaller, journey.Note(what)));
  for (const char* what : {"b1", "b2"}) ASSERT_TRUE(lane.Submit(kOther, journey.Note(what)));
  blocker.Free();
  lane.Stop();
  EXPECT_THAT(journey.done(), ::testing::ElementsAre("a1", "b1", "a2", "b2", "a3"));
}

TEST(Lane, WhoHasTooMuchWaitingClosesNobodyElseOut) {
  Blocker blocker;
  Lane lane(1, 2);
  ASSERT_TRUE(lane.Submit(kCaller, blocker.Work()));
  blocker.AwaitRunning();
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(lane.Submit(kCaller, [] {}));
  EXPECT_FALSE(lane.Submit(kCaller, [] {}));
  EXPECT_TRUE(lane.Submit(kOther, [] {}));
  blocker.Free();
}

TEST(Lane, FinishesWhatACallGoesOnAsBeforeThePrincipalsNextOneAndBeforeItStops) {
  Blocker blocker;
  Journey journey;
  Lane lane(1, 2);
  ASSERT_TRUE(lane.Submit(kCaller, [&] {
    blocker.Work()();
    std::vector<Lane::Work> pieces;
    for (const char* what : {"a1.1", "a1.2", "a1.3"}) pieces.push_back(journey.Note(what));
    lane.Continue(kCaller, std::move(pieces));
  }));
  blocker.AwaitRunning();
  ASSERT_TRUE(lane.Submit(kCaller, journey.Note("a2")));
  ASSERT_TRUE(lane.Submit(kOther, journey.Note("b1")));
  auto stopped = std::async([&lane] { lane.Stop(); });
  blocker.Free();
  stopped.get();
  EXPECT_THAT(journey.done(), ::testing::ElementsAre("a1.1", "b1", "a1.2", "a1.3", "a2"));
}

TEST(Lane, PiecesOfOneCallRunAtOnce) {
  Blocker first, second;
  Lane lane(2, 10);
  ASSERT_TRUE(lane.Submit(kCaller, [&] {
    std::vector<Lane::Work> pieces;
    pieces.push_back(first.Work());
    pieces.push_back(second.Work());
    lane.Continue(kCaller, std::move(pieces));
  }));
  first.AwaitRunning();
  second.AwaitRunning();
  first.Free();
  second.Free();
}

TEST(Lane, LetsGoOfFinishedWorkBeforeItWaits) {
  std::promise<void> second;
  Lane lane(1, 10);
  auto held = std::make_shared<int>(0);
  const std::weak_ptr<int> watched = held;
  ASSERT_TRUE(lane.Submit(kCaller, [held = std::move(held)] {}));
  ASSERT_TRUE(lane.Submit(kCaller, [&] {
    EXPECT_TRUE(watched.expired());
    second.set_value();
  }));
  second.get_future().wait();
}

}  // namespace
}  // namespace keysvc::rpc
