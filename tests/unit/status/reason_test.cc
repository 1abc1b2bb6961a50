#include "status/reason.h"

#include <set>
#include <string>

#include "gtest/gtest.h"

namespace keysvc {
namespace {

TEST(ReasonTest, EveryReasonHasItsOwnWordInUpperSnakeCase) {
  std::set<std::string> names;
  for (const ReasonInfo& info : AllReasons()) {
    const std::string name(info.name);
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_LE(name.size(), 63u);
    EXPECT_EQ(name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"), std::string::npos)
        << name;
  }
}

TEST(ReasonTest, AnErrorKeepsItsReasonCodeAndField) {
  const absl::Status status = Error(Reason::kPanInvalid, "not a card number", "card.pan");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), Reason::kPanInvalid);
  EXPECT_EQ(FieldOf(status), "card.pan");
}

TEST(ReasonTest, AStatusMadeElsewhereHasNoReason) {
  EXPECT_EQ(ReasonOf(absl::InternalError("x")), std::nullopt);
  EXPECT_EQ(ReasonOf(absl::OkStatus()), std::nullopt);
  EXPECT_EQ(FieldOf(absl::OkStatus()), "");
}

}  // namespace
}  // namespace keysvc
