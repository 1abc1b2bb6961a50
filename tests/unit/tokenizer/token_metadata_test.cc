#include "tokenizer/token_metadata.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kOrder[] = "6f1e9a52-2d0c-4d5e-9c61-0b7a54c3d2e1";

const std::vector<MetadataField> kFields = {
    {.name = "store", .values = {"berlin", "vienna"}, .required = true},
    {.name = "order", .type = MetadataType::kUuid},
    {.name = "count", .type = MetadataType::kInteger, .min = 1, .max = 500},
    {.name = "account", .type = MetadataType::kInteger},
    {.name = "day", .type = MetadataType::kDate}};

std::string TextWith(const std::string& field, const std::string& value) {
  const auto canonical = CanonicalMetadata({{"store", "berlin"}, {field, value}}, kFields);
  return canonical.ok() ? store::MetadataText(*canonical)
                        : std::string(InfoOf(*ReasonOf(canonical.status())).name) + " " +
                              std::string(FieldOf(canonical.status()));
}

TEST(TokenMetadataTest, AValueHasOneSpellingAndFieldsOneOrder) {
  const auto canonical = CanonicalMetadata({{"store", "vienna"},
                                            {"order", "6F1E9A52-2D0C-4D5E-9C61-0B7A54C3D2E1"},
                                            {"day", "2028-02-29"},
                                            {"count", "500"},
                                            {"account", "99999999999"}},
                                           kFields);
  ASSERT_OK(canonical);
  const std::string text =
      "account=99999999999,count=500,day=2028-02-29,order=" + std::string(kOrder) + ",store=vienna";
  EXPECT_EQ(store::MetadataText(*canonical), text);
  EXPECT_EQ(store::MetadataOf(text), *canonical);
  EXPECT_TRUE(store::MetadataOf("").empty());
}

TEST(TokenMetadataTest, WhatIsOfAnotherFormIsRefusedByItsField) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"order", ""},
      {"order", "6f1e9a522d0c4d5e9c610b7a54c3d2e1"},
      {"order", "6f1e9a52-2d0c-4d5e-9c61-0b7a54c3d2e1 "},
      {"order", "6f1e9a52-2d0c-0d5e-9c61-0b7a54c3d2e1"},  // no version
      {"order", "6f1e9a52-2d0c-4d5e-cc61-0b7a54c3d2e1"},  // another variant
      {"order", "6f1e9a52-2d0c-4d5e-9c61-0b7a54c3d2g1"},
      {"count", ""},
      {"count", "0"},
      {"count", "501"},
      {"count", "+5"},
      {"count", "05"},
      {"count", "5.0"},
      {"count", " 5"},
      {"account", "100000000000"},
      {"account", "00000000000000000005"},
      {"day", ""},
      {"day", "2027-02-29"},
      {"day", "2027-13-01"},
      {"day", "2027-00-01"},
      {"day", "2027-1-1"},
      {"day", "20270101"},
      {"day", "2027/01/01"},
      {"day", "2027-01-01T00:00:00Z"}};
  for (const auto& [field, value] : wrong) {
    EXPECT_EQ(TextWith(field, value), "FIELD_INVALID metadata." + field) << value;
  }
  for (const char* word : {"", "Berlin", "paris", "berlin ", "berlin,day=2027-01-01"}) {
    const auto refused = CanonicalMetadata({{"store", word}}, kFields);
    EXPECT_THAT(refused, HasReason(Reason::kFieldInvalid)) << word;
    EXPECT_EQ(FieldOf(refused.status()), "metadata.store");
  }
}

TEST(TokenMetadataTest, ACardNumberIsWrittenIntoNoTypeByMistake) {
  const std::string pan = "4111111111111111";
  const std::vector<std::pair<std::string, std::string>> hidden = {
      {"store", pan},
      {"count", pan},
      {"account", pan},
      {"account", "378282246310005"},
      {"day", pan},
      {"order", pan},
      // In front, in the middle, behind.
      {"order", "41111111-1111-1111-8abc-def012345678"},
      {"order", "37144963-5398-431a-8abc-def012345678"},
      {"order", "abcdef01-4012-8888-8888-1881abcdef01"},
      {"order", "abcdef01-2345-4abc-8371-449635398431"}};
  for (const auto& [field, value] : hidden) {
    const auto refused = CanonicalMetadata({{field, value}}, kFields);
    EXPECT_THAT(refused, HasReason(Reason::kFieldInvalid)) << field << " " << value;
    EXPECT_THAT(std::string(refused.status().message()), Not(HasSubstr(value.substr(0, 8))));
  }
}

TEST(TokenMetadataTest, UuidsThatAreDrawnHaveNoCardInThem) {
  for (const char* drawn :
       {kOrder, "018f2b1c-9d4e-7c3a-b5f0-1a2b3c4d5e6f", "c232ab00-9414-11ec-b3c8-9f6bdeced846"}) {
    EXPECT_EQ(TextWith("order", drawn), "order=" + std::string(drawn) + ",store=berlin");
  }
}

TEST(TokenMetadataTest, EveryFieldIsDeclaredAndThereOnceAndTheRequiredOnesAreThere) {
  const auto undeclared = CanonicalMetadata({{"4111111111111111", "x"}}, kFields);
  EXPECT_THAT(undeclared, HasReason(Reason::kFieldInvalid));
  EXPECT_EQ(FieldOf(undeclared.status()), "metadata");
  const auto twice = CanonicalMetadata({{"store", "berlin"}, {"store", "berlin"}}, kFields);
  EXPECT_THAT(twice, HasReason(Reason::kFieldInvalid));
  EXPECT_EQ(FieldOf(twice.status()), "metadata.store");
  const auto without = CanonicalMetadata({{"day", "2027-01-01"}}, kFields);
  EXPECT_THAT(without, HasReason(Reason::kFieldRequired));
  EXPECT_EQ(FieldOf(without.status()), "metadata.store");
  EXPECT_OK(CanonicalMetadata({}, {}));
  EXPECT_THAT(CanonicalMetadata({{"store", "berlin"}}, {}), HasReason(Reason::kFieldInvalid));
}

TEST(TokenMetadataTest, AFilterRequiresNothingAndIsOtherwiseAsStrict) {
  const auto filter = CanonicalFilter({{"day", "2027-01-01"}, {"count", "7"}}, kFields);
  ASSERT_OK(filter);
  EXPECT_EQ(store::MetadataText(*filter), "count=7,day=2027-01-01");
  EXPECT_EQ(FieldOf(CanonicalFilter({{"other", "1"}}, kFields).status()), "filter");
  EXPECT_EQ(FieldOf(CanonicalFilter({{"count", "x"}}, kFields).status()), "filter.count");
}

TEST(TokenMetadataTest, DeclarationsThatContradictThemselvesAreRefused) {
  EXPECT_OK(CheckFields(kFields));
  using Change = std::function<void(MetadataField&)>;
  const std::vector<Change> wrong = {[](auto& field) { field.name = ""; },
                                     [](auto& field) { field.name = "Store"; },
                                     [](auto& field) { field.name = "1st"; },
                                     [](auto& field) { field.name = std::string(33, 'a'); },
                                     [](auto& field) { field.values.clear(); },
                                     [](auto& field) {
                                       field.values = {"berlin", "berlin"};
                                     },
                                     [](auto& field) { field.values = {"4111111111111111"}; },
                                     [](auto& field) { field.values = {"a,b"}; },
                                     [](auto& field) { field.max = 5; },
                                     [](auto& field) { field.type = MetadataType::kUuid; },
                                     [](auto& field) {
                                       field.values.clear();
                                       field.type = MetadataType::kInteger;
                                       field.min = 2;
                                       field.max = 1;
                                     },
                                     [](auto& field) {
                                       field.values.clear();
                                       field.type = MetadataType::kInteger;
                                       field.max = kLargestInteger + 1;
                                     }};
  for (std::size_t i = 0; i < wrong.size(); ++i) {
    MetadataField field = kFields.front();
    wrong[i](field);
    EXPECT_THAT(CheckFields({field}), HasReason(Reason::kConfigInvalid)) << i;
  }
  EXPECT_THAT(CheckFields({kFields[0], kFields[0]}), HasReason(Reason::kConfigInvalid));
  std::vector<MetadataField> many;
  for (int i = 0; i < 9; ++i) {
    many.push_back({.name = "day-" + std::to_string(i), .type = MetadataType::kDate});
    EXPECT_EQ(CheckFields(many).ok(), i < 8);
  }
}

}  // namespace
}  // namespace keysvc::tokenizer
