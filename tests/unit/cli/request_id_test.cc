#include "keysvc/cli/request_id.h"

#include <cstdint>
#include <regex>
#include <set>
#include <string>

#include "gtest/gtest.h"
#include "tokenizer/hidden_pan.h"

namespace keysvc::cli {
namespace {

bool IsUuid(const std::string& id, char version) {
  return std::regex_match(id, std::regex(std::string("[0-9a-f]{8}-[0-9a-f]{4}-") + version +
                                         "[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
}

TEST(RequestIdTest, NewIdsAreDifferentUuids) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string id = NewRequestId();
    EXPECT_TRUE(IsUuid(id, '4')) << id;
    EXPECT_TRUE(seen.insert(id).second) << id;
  }
}

TEST(RequestIdTest, TheCallsOfACommandHaveTheSameIdsWhenItIsRepeated) {
  const std::string id = "00000000-0000-4000-8000-000000000001";
  EXPECT_EQ(RequestIdOfCall(id, 0), id);
  EXPECT_EQ(RequestIdOfCall(id, 1), RequestIdOfCall(id, 1));
  EXPECT_NE(RequestIdOfCall(id, 1), RequestIdOfCall(id, 2));
  EXPECT_NE(RequestIdOfCall(id, 1), RequestIdOfCall("00000000-0000-4000-8000-000000000002", 1));
  EXPECT_TRUE(IsUuid(RequestIdOfCall(id, 1), '8'));
}

TEST(RequestIdTest, NoIdHasACardNumberForWhichLettersWouldBeRecorded) {
  const std::string command = "00000000-0000-4000-8000-000000000001";
  for (std::uint32_t i = 1; i <= 5000; ++i) {
    for (const std::string& id : {NewRequestId(), RequestIdOfCall(command, i)}) {
      EXPECT_FALSE(tokenizer::MayHidePan(id, tokenizer::kShortestPanInId)) << id;
    }
  }
}

}  // namespace
}  // namespace keysvc::cli
