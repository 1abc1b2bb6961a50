#include "keysvc/rpc/fair_queue.h"

#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keysvc::rpc {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> PopAll(FairQueue<std::string>& queue) {
  std::vector<std::string> order;
  while (!queue.empty()) order.push_back(queue.Pop());
  return order;
}

TEST(FairQueue, ServesOneOwnerInOrder) {
  FairQueue<std::string> queue(10);
  for (const char* item : {"a1", "a2", "a3"}) ASSERT_TRUE(queue.Push("a", item));
  EXPECT_THAT(PopAll(queue), ElementsAre("a1", "a2", "a3"));
}

TEST(FairQueue, GoesRoundAmongOwnersHoweverManyItemsEachHas) {
  FairQueue<std::string> queue(10);
  for (const char* item : {"a1", "a2", "a3", "a4"}) ASSERT_TRUE(queue.Push("a", item));
  for (const char* item : {"b1", "b2"}) ASSERT_TRUE(queue.Push("b", item));
  ASSERT_TRUE(queue.Push("c", "c1"));
  EXPECT_THAT(PopAll(queue), ElementsAre("a1", "b1", "c1", "a2", "b2", "a3", "a4"));
}

TEST(FairQueue, ANewcomerWaitsForOneItemOfEachOtherOwner) {
  FairQueue<std::string> queue(1000);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(queue.Push("a", "a"));
  ASSERT_TRUE(queue.Push("b", "b"));
  EXPECT_EQ(queue.Pop(), "a");
  EXPECT_EQ(queue.Pop(), "b");
  // Who had nothing left comes after those who wait, and gets no turn twice in a row.
  ASSERT_TRUE(queue.Push("b", "b"));
  EXPECT_EQ(queue.Pop(), "a");
  EXPECT_EQ(queue.Pop(), "b");
}

TEST(FairQueue, OwnersWhoAlwaysHaveSomethingWaitingGetTheSame) {
  FairQueue<char> queue(100);
  std::map<char, int> served;
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(queue.Push("a", 'a'));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(queue.Push("b", 'b'));
  for (int i = 0; i < 1000; ++i) {
    const char item = queue.Pop();
    ++served[item];
    ASSERT_TRUE(queue.Push(std::string(1, item), item));
  }
  EXPECT_EQ(served['a'], 500);
  EXPECT_EQ(served['b'], 500);
}

TEST(FairQueue, TheLimitIsEachOwnersOwn) {
  FairQueue<std::string> queue(2);
  EXPECT_TRUE(queue.Push("a", "a1"));
  EXPECT_TRUE(queue.Push("a", "a2"));
  EXPECT_FALSE(queue.Push("a", "a3"));
  EXPECT_TRUE(queue.Push("b", "b1"));
  EXPECT_THAT(PopAll(queue), ElementsAre("a1", "b1", "a2"));
  EXPECT_TRUE(queue.Push("a", "a4"));
}

TEST(FairQueue, WithoutRoomAnOwnerWhoIsNewGetsNoTurnEither) {
  FairQueue<std::string> queue(0);
  EXPECT_FALSE(queue.Push("a", "a1"));
  EXPECT_TRUE(queue.empty());
}

TEST(FairQueue, WhatGoesOnComesBeforeTheOwnersOtherItemsAndTakesTurns) {
  FairQueue<std::string> queue(2);
  ASSERT_TRUE(queue.Push("a", "a1"));
  ASSERT_TRUE(queue.Push("a", "a2"));
  ASSERT_TRUE(queue.Push("b", "b1"));
  ASSERT_TRUE(queue.Push("b", "b2"));
  EXPECT_EQ(queue.Pop(), "a1");
  queue.PushBegun("a", {"a1.1", "a1.2", "a1.3"});
  EXPECT_THAT(PopAll(queue), ElementsAre("b1", "a1.1", "b2", "a1.2", "a1.3", "a2"));
  queue.PushBegun("c", {});
  EXPECT_TRUE(queue.empty());
  queue.PushBegun("c", {"c1", "c2"});
  EXPECT_THAT(PopAll(queue), ElementsAre("c1", "c2"));
}

TEST(FairQueue, WhatGoesOnTakesNoPlaceFromWhatMayWait) {
  FairQueue<std::string> queue(2);
  queue.PushBegun("a", {"a1.1", "a1.2", "a1.3"});
  queue.PushBegun("a", {"a2.1"});
  EXPECT_TRUE(queue.Push("a", "a3"));
  EXPECT_TRUE(queue.Push("a", "a4"));
  EXPECT_FALSE(queue.Push("a", "a5"));
  EXPECT_THAT(PopAll(queue), ElementsAre("a1.1", "a1.2", "a1.3", "a2.1", "a3", "a4"));
}

TEST(FairQueue, LooksAtTheNextItemOfEveryOwner) {
  FairQueue<std::string> queue(10);
  const auto is_old = [](const std::string& item) { return item == "old"; };
  EXPECT_FALSE(queue.AnyNext(is_old));
  ASSERT_TRUE(queue.Push("a", "new"));
  ASSERT_TRUE(queue.Push("a", "old"));
  EXPECT_FALSE(queue.AnyNext(is_old));
  ASSERT_TRUE(queue.Push("b", "old"));
  EXPECT_TRUE(queue.AnyNext(is_old));
}

}  // namespace
}  // namespace keysvc::rpc
