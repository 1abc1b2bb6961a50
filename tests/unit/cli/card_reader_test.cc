#include "keysvc/cli/card_reader.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace keysvc::cli {
namespace {

using ::keysvc::testing::HasReason;
using ::keysvc::testing::TemporaryDirectory;

// What the reader makes of a file, "line:pan|expiry|name" per card.
std::vector<std::string> Read(const std::string& content) {
  const TemporaryDirectory directory;
  keysvc::testing::WriteFile(directory.File("cards"), content);
  CardReader reader = CardReader::Open(directory.File("cards")).value();
  std::vector<std::string> cards;
  for (v1::Card card; reader.Next(card).value(); Wipe(card)) {
    cards.push_back(std::to_string(reader.line()) + ":" + card.pan() + "|" + card.expiry() + "|" +
                    card.cardholder_name());
  }
  return cards;
}

using Cards = std::vector<std::string>;

TEST(CardReaderTest, ALineIsANumberAndMaybeAnExpiryAndAName) {
  EXPECT_EQ(Read("4111111111111111\n4111111111111111,2030-12\n4111111111111111,2030-12,A Name\n"),
            (Cards{"1:4111111111111111||", "2:4111111111111111|2030-12|",
                   "3:4111111111111111|2030-12|A Name"}));
}

TEST(CardReaderTest, TheNameMayHaveCommasAndTheExpiryMayBeMissing) {
  EXPECT_EQ(Read("4111111111111111,,Name, Jr."), (Cards{"1:4111111111111111||Name, Jr."}));
}

TEST(CardReaderTest, SpacesAndHyphensInTheNumberAreDropped) {
  EXPECT_EQ(Read("4111 1111-1111 1111 ,2030-12"), (Cards{"1:4111111111111111|2030-12|"}));
}

TEST(CardReaderTest, EmptyLinesAreSkippedButCounted) {
  EXPECT_EQ(Read("\n  \r\n4111111111111111\r\n\n"), (Cards{"3:4111111111111111||"}));
  EXPECT_EQ(Read(""), Cards{});
}

TEST(CardReaderTest, ALineMayBeginWithTheTokenThatTheCardHas) {
  const TemporaryDirectory directory;
  keysvc::testing::WriteFile(directory.File("cards"),
                             "tok_a,4111 1111 1111 1111,2030-12,Name, Jr.\n,4111111111111111\n");
  CardReader reader = CardReader::Open(directory.File("cards")).value();
  v1::ImportedCard card;
  ASSERT_TRUE(reader.Next(card).value());
  EXPECT_EQ(card.token(), "tok_a");
  EXPECT_EQ(card.card().pan(), "4111111111111111");
  EXPECT_EQ(card.card().cardholder_name(), "Name, Jr.");
  Wipe(card);
  EXPECT_EQ(card.token(), "");
  EXPECT_EQ(card.card().pan(), "");
  ASSERT_TRUE(reader.Next(card).value());
  EXPECT_EQ(card.token(), "");
  EXPECT_EQ(card.card().pan(), "4111111111111111");
  EXPECT_FALSE(reader.Next(card).value());
}

TEST(CardReaderTest, FilesLargerThanTheBufferAreReadWhole) {
  std::string content;
  for (int i = 0; i < 3000; ++i) content += "4111111111111111,2030-12\n";
  const Cards cards = Read(content);
  ASSERT_EQ(cards.size(), 3000u);
  EXPECT_EQ(cards.back(), "3000:4111111111111111|2030-12|");
}

TEST(CardReaderTest, ALineThatIsTooLongIsRefused) {
  const TemporaryDirectory directory;
  keysvc::testing::WriteFile(directory.File("cards"), "\n" + std::string(20000, '1'));
  CardReader reader = CardReader::Open(directory.File("cards")).value();
  v1::Card card;
  const auto next = reader.Next(card);
  EXPECT_THAT(next, HasReason(Reason::kFieldInvalid));
  EXPECT_EQ(std::string(next.status().message()), "line 2 is too long");
}

TEST(CardReaderTest, AFileThatCannotBeReadIsAnError) {
  EXPECT_EQ(CardReader::Open("/nowhere").status().code(), absl::StatusCode::kUnavailable);
  CardReader folder = CardReader::Open("/").value();
  v1::Card card;
  EXPECT_EQ(folder.Next(card).status().code(), absl::StatusCode::kUnavailable);
}

TEST(CardReaderTest, AWipedCardIsEmpty) {
  v1::Card card;
  card.set_pan("4111111111111111");
  card.set_cardholder_name("A Name");
  Wipe(card);
  EXPECT_EQ(card.pan(), "");
  EXPECT_EQ(card.cardholder_name(), "");
}

}  // namespace
}  // namespace keysvc::cli
