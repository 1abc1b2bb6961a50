#include "tokenizer/emv_format.h"

#include <cstddef>
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "status/reason.h"
#include "tests/support/status_matchers.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;
using ::testing::HasSubstr;

EmvFormat Good() {
  return {.range = {.prefix = "99990012", .length = 16},
          .attestation = "Ours by the letter of the scheme; no cards in it",
          .token_requestor_id = "40010030273",
          .months_valid = 36};
}

TEST(EmvFormatTest, ARangeIsAdmittedWhenSixDigitsAreLeftBesideTheCheckDigit) {
  for (const std::size_t prefix : {6U, 8U, 12U}) {
    for (std::size_t length = 12; length <= 20; ++length) {
      SCOPED_TRACE(std::to_string(length) + " digits, " + std::to_string(prefix) + " given");
      const IssuedRange range{.prefix = std::string(prefix, '9'), .length = length};
      const absl::Status checked = range.Check();
      EXPECT_EQ(checked.ok(), length >= 13 && length <= 19 && length >= prefix + 7);
      if (checked.ok()) continue;
      EXPECT_THAT(checked, HasReason(Reason::kConfigInvalid));
    }
  }
}

TEST(EmvFormatTest, ARangeOfANetworkIsRefusedByName) {
  for (const char* prefix : {"411111", "222100", "97920012"}) {
    const absl::Status checked = IssuedRange{.prefix = prefix, .length = 16}.Check();
    EXPECT_THAT(checked, HasReason(Reason::kConfigInvalid));
    EXPECT_THAT(std::string(checked.message()), HasSubstr("overlaps one that is reserved"));
  }
}

TEST(EmvFormatTest, RangesOverlapWhenOneNumberIsInBoth) {
  const IssuedRange range{.prefix = "999900", .length = 16};
  EXPECT_TRUE(range.Overlaps(range));
  EXPECT_TRUE(range.Overlaps({.prefix = "99990012", .length = 16}));
  EXPECT_TRUE(IssuedRange({.prefix = "99990012", .length = 16}).Overlaps(range));
  EXPECT_FALSE(range.Overlaps({.prefix = "99990012", .length = 15}));
  EXPECT_FALSE(range.Overlaps({.prefix = "99990112", .length = 16}));
}

TEST(EmvFormatTest, ContradictionsAreRefused) {
  ASSERT_OK(Good().Check());
  std::set<std::string> messages;
  const auto refused = [&](auto change) {
    EmvFormat format = Good();
    change(format);
    const absl::Status checked = format.Check();
    EXPECT_THAT(checked, HasReason(Reason::kConfigInvalid));
    messages.insert(std::string(checked.message()));
  };
  for (const char* prefix : {"", "99999", "9999001a", "9999 012", "9999999999999"}) {
    refused([&](EmvFormat& format) { format.range.prefix = prefix; });
  }
  EXPECT_EQ(messages.size(), 1U);
  refused([](EmvFormat& format) { format.attestation.clear(); });
  refused([](EmvFormat& format) { format.attestation = "ours"; });
  refused([](EmvFormat& format) { format.attestation = std::string(201, 'x'); });
  refused([](EmvFormat& format) { format.attestation += "\n"; });
  refused([](EmvFormat& format) { format.attestation += " 123456 789012"; });
  EXPECT_EQ(messages.size(), 2U);
  for (const char* id : {"", "4001003027", "400100302730", "4001003027a"}) {
    refused([&](EmvFormat& format) { format.token_requestor_id = id; });
  }
  EXPECT_EQ(messages.size(), 3U);
  refused([](EmvFormat& format) { format.months_valid = 0; });
  refused([](EmvFormat& format) { format.months_valid = 121; });
  EXPECT_EQ(messages.size(), 4U);
}

TEST(EmvFormatTest, ATokenExpiresWithAMonth) {
  const auto expiry = [](const char* created) {
    absl::Time time;
    std::string error;
    EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, created, &time, &error)) << error;
    return Good().ExpiryOf(time);
  };
  EXPECT_EQ(expiry("2026-11-29T20:00:00Z"), (Expiry{2029, 11}));
  EXPECT_EQ(expiry("2026-12-31T23:59:59.999Z"), (Expiry{2029, 12}));
  EXPECT_EQ(expiry("2027-01-01T00:00:00Z"), (Expiry{2030, 1}));
  EXPECT_EQ(absl::FormatTime(absl::RFC3339_full, EndOf({2029, 12}), absl::UTCTimeZone()),
            "2030-01-01T00:00:00+00:00");
  EXPECT_EQ(absl::FormatTime(absl::RFC3339_full, EndOf({2029, 2}), absl::UTCTimeZone()),
            "2029-03-01T00:00:00+00:00");
}

// Golden: keys are bound to these words.
TEST(EmvFormatTest, HasOneSpelling) {
  EXPECT_EQ(Good().ToString(),
            "emv 1 range=99990012/16 requestor=40010030273 months=36 attestation=Ours by the "
            "letter of the scheme; no cards in it");
}

}  // namespace
}  // namespace keysvc::tokenizer
