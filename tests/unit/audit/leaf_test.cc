#include "audit/leaf.h"

#include <string>

#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/unit/crypto/hex.h"

namespace keysvc::audit {
namespace {

using ::keysvc::testing::ToHex;

Entry FullEntry() {
  Entry entry;
  entry.action = "TokenService.Tokenize";
  entry.outcome = Outcome::kDenied;
  entry.actor = "checkout";
  entry.profile = "cards";
  entry.identity = "spiffe://example.com/checkout";
  entry.origin = "192.0.2.7";
  entry.resource = "tenants/acme/tokenProfiles/cards";
  entry.rule = "checkout-tokenizes";
  entry.purpose = "payment";
  entry.reason = "POLICY_DENIED";
  entry.request_id = "0b6a6b0e-58f4-4c63-a6c4-d5a6c45a3e71";
  entry.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  entry.items = {{"tenants/acme/tokens/tok_a", Outcome::kSuccess, ""},
                 {"", Outcome::kFailed, "TOKEN_NOT_FOUND"}};
  entry.details = {{"key_version", "3"}, {"asserted", "a \"b\"\n"}};
  return entry;
}

// 2026-01-31 23:59:59.0429 UTC: milliseconds are cut, not rounded.
absl::Time SomeTime() {
  return absl::FromCivil(absl::CivilSecond(2026, 1, 31, 23, 59, 59), absl::UTCTimeZone()) +
         absl::Microseconds(42900);
}

TEST(LeafTest, ARecordHasTheseBytes) {
  store::LeafRow leaf = MakeLeaf(FullEntry(), 17, SomeTime());
  EXPECT_EQ(leaf.index, 17U);
  EXPECT_EQ(
      leaf.header,
      R"({"action":"TokenService.Tokenize","actor":"checkout","class":"TokenService",)"
      R"("index":17,"outcome":"denied","profile":"cards","time":"2026-01-31T23:59:59.042Z"})");
  EXPECT_EQ(leaf.body,
            R"({"details":{"asserted":"a \"b\"\n","key_version":"3"},)"
            R"("identity":"spiffe://example.com/checkout",)"
            R"("items":[{"outcome":"success","resource":"tenants/acme/tokens/tok_a"},)"
            R"({"outcome":"failed","reason":"TOKEN_NOT_FOUND"}],)"
            R"("origin":"192.0.2.7","purpose":"payment","reason":"POLICY_DENIED",)"
            R"("request_id":"0b6a6b0e-58f4-4c63-a6c4-d5a6c45a3e71",)"
            R"("resource":"tenants/acme/tokenProfiles/cards","rule":"checkout-tokenizes",)"
            R"("trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"})");
  leaf.header_salt = "0123456789abcdef";
  leaf.body_salt = "fedcba9876543210";
  EXPECT_EQ(ToHex(HashOfLeaf(leaf)),
            "89bbb55d26783a884970c80bad01eeefae7a6042721a99c75ae8ef28eba0d959");
}

TEST(LeafTest, WhatIsEmptyIsLeftOutOfTheBodyAndStaysInTheHeader) {
  const store::LeafRow leaf = MakeLeaf({}, 0, absl::UnixEpoch());
  EXPECT_EQ(leaf.header,
            R"({"action":"","actor":"","class":"","index":0,"outcome":"success","profile":"",)"
            R"("time":"1970-01-01T00:00:00.000Z"})");
  EXPECT_EQ(leaf.body, "{}");
}

TEST(LeafTest, EachColumnIsUnderTheHashAndSaltsAreNew) {
  const store::LeafRow leaf = MakeLeaf(FullEntry(), 17, SomeTime());
  EXPECT_EQ(leaf.header_salt.size(), 16U);
  EXPECT_EQ(leaf.body_salt.size(), 16U);
  EXPECT_NE(leaf.header_salt, leaf.body_salt);
  EXPECT_EQ(leaf.leaf_hash, crypto::AsText(HashOfLeaf(leaf)));
  for (std::string store::LeafRow::*column : {&store::LeafRow::header, &store::LeafRow::header_salt,
                                              &store::LeafRow::body, &store::LeafRow::body_salt}) {
    store::LeafRow other = leaf;
    (other.*column).back() = static_cast<char>((other.*column).back() ^ 1);
    EXPECT_NE(HashOfLeaf(other), HashOfLeaf(leaf));
  }
  EXPECT_NE(MakeLeaf(FullEntry(), 17, SomeTime()).leaf_hash, leaf.leaf_hash);
}

}  // namespace
}  // namespace keysvc::audit
