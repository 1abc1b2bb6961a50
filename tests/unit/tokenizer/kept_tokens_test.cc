#include "tokenizer/kept_tokens.h"

#include <array>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "crypto/known_answers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/literal_keys.h"
#include "tests/support/status_matchers.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;
using ::testing::ElementsAre;

constexpr char kRequest[] = "11111111-2222-4333-8444-555555555555";
constexpr char kProfile[] = "tenants/acme/tokenProfiles/cards";
const std::string kFingerprint(32, 'f');

crypto::SecretKey<32> CountingKey() {
  std::array<std::uint8_t, 32> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i);
  return *crypto::SecretKey<32>::From(crypto::SecretBytes::CopyOf(bytes));
}

absl::StatusOr<CardData> Card(std::string_view pan, std::string_view expiry = "",
                              std::string_view name = "") {
  return CardData::Parse(crypto::AsBytes(pan), expiry, crypto::AsBytes(name));
}

template <typename... Cards>
std::vector<absl::StatusOr<CardData>> List(Cards... cards) {
  std::vector<absl::StatusOr<CardData>> list;
  (list.push_back(std::move(cards)), ...);
  return list;
}

class KeptTokensTest : public ::testing::Test {
 protected:
  std::string Fingerprint(const std::vector<absl::StatusOr<CardData>>& cards,
                          std::string_view profile = kProfile,
                          const std::vector<TokenDomain>& domains = {},
                          const std::vector<std::string>& tokens = {},
                          const std::vector<std::string>& metadata = {}) const {
    return *FingerprintOf(profile, cards, domains, tokens, metadata, *hmac_);
  }
  const std::shared_ptr<const AnswerKey> key_ = *AnswerKey::Create(CountingKey());
  const std::unique_ptr<crypto::HmacSha256> hmac_ = *crypto::HmacSha256::Create(CountingKey());
  const absl::Time expires_ = absl::FromUnixMillis(1'700'000'000'000);
};

TEST_F(KeptTokensTest, WhatIsKeptIsGivenBackForTheSameRequest) {
  const auto row = KeepTokens({KeptToken{"tok_a"}, KeptToken{}}, "checkout", kRequest, kFingerprint,
                              expires_, *key_);
  ASSERT_OK(row);
  EXPECT_EQ(row->answer.find("tok_a"), std::string::npos);
  EXPECT_THAT(*OpenKeptTokens(*row, kFingerprint, *key_),
              ElementsAre(KeptToken{"tok_a"}, KeptToken{}));
  EXPECT_THAT(OpenKeptTokens(*row, std::string(32, 'g'), *key_),
              HasReason(Reason::kRequestIdReused));
}

TEST_F(KeptTokensTest, WhyThereIsNoTokenIsKeptToo) {
  const std::vector<KeptToken> tokens = {KeptToken{.token = "tok_a"},
                                         KeptToken{.refused = Reason::kTokenDeleted},
                                         KeptToken{.token = "9999", .expiry = Expiry{2031, 7}}};
  const auto row = KeepTokens(tokens, "checkout", kRequest, kFingerprint, expires_, *key_);
  ASSERT_OK(row);
  EXPECT_EQ(*OpenKeptTokens(*row, kFingerprint, *key_), tokens);
}

TEST_F(KeptTokensTest, EveryAnswerHasAKeyOfItsOwn) {
  const auto one =
      KeepTokens({KeptToken{"tok_a"}}, "checkout", kRequest, kFingerprint, expires_, *key_);
  const auto two =
      KeepTokens({KeptToken{"tok_a"}}, "checkout", kRequest, kFingerprint, expires_, *key_);
  ASSERT_OK(one);
  ASSERT_OK(two);
  // Format and salt of the one before nonce, ciphertext and tag of the other.
  store::IdempotencyRow mixed = *one;
  mixed.answer = one->answer.substr(0, 25) + two->answer.substr(25);
  EXPECT_THAT(OpenKeptTokens(mixed, kFingerprint, *key_), HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(*OpenKeptTokens(*two, kFingerprint, *key_), ElementsAre(KeptToken{"tok_a"}));
}

TEST_F(KeptTokensTest, AnyChangedColumnIsNoticed) {
  const auto row =
      KeepTokens({KeptToken{"tok_a"}}, "checkout", kRequest, kFingerprint, expires_, *key_);
  ASSERT_OK(row);
  const std::vector<std::function<void(store::IdempotencyRow&)>> changes = {
      [](auto& r) { r.principal = "settlement"; },
      [](auto& r) { r.request_id.back()++; },
      [](auto& r) { ++r.expires_ms; },
      [](auto& r) { r.answer.back()++; },
      [](auto& r) { r.answer.clear(); },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    store::IdempotencyRow changed = *row;
    changes[i](changed);
    EXPECT_THAT(OpenKeptTokens(changed, kFingerprint, *key_), HasReason(Reason::kIntegrityFailure))
        << i;
  }
  store::IdempotencyRow changed = *row;
  changed.fingerprint[0]++;
  EXPECT_THAT(OpenKeptTokens(changed, changed.fingerprint, *key_),
              HasReason(Reason::kIntegrityFailure));
}

TEST_F(KeptTokensTest, WhatWasKeptOnceOpensForEver) {
  store::IdempotencyRow row;
  row.principal = "checkout";
  row.request_id = kRequest;
  row.fingerprint = kFingerprint;
  row.expires_ms = absl::ToUnixMillis(expires_);
  row.answer = crypto::known::Bytes(
      "000102030405060708090a0b4602d61bc7e5c21b8835f8e0ee88786d83d6b2552b0f52e3580ac3cb0697ba93bb2"
      "f");
  EXPECT_THAT(*OpenKeptTokens(row, kFingerprint, *key_),
              ElementsAre(KeptToken{"tok_a"}, KeptToken{}));
  row.answer = crypto::known::Bytes(
      "02000102030405060708090a0b0c0d0e0f1011121314151617000102030405060708090a0b03baa2ab05b7ad"
      "2895ec00a84d89ba95e3af8c5e47d6d2609f0f0144d45c2d29861a");
  EXPECT_THAT(*OpenKeptTokens(row, kFingerprint, *key_),
              ElementsAre(KeptToken{"tok_a"}, KeptToken{}));
  // Computed with an independent implementation.
  row.answer = crypto::known::Bytes(
      "000102030405060708090a0b4502d61bc7e5c21b8835f8e0ee887f838fd68734f07b5f7ccd75d2b68b127edf5785"
      "a4000ac176a0");
  EXPECT_THAT(*OpenKeptTokens(row, kFingerprint, *key_),
              ElementsAre(KeptToken{"tok_a", Expiry{2030, 12}}, KeptToken{}));
  EXPECT_EQ(absl::BytesToHexString(Fingerprint(
                List(Card("4111111111111111", "2030-12", "Ada"), Card("4111111111111112")))),
            "cabcfcc5f3d106177a7e62e410a9a0405e98ae9910134a18060776fad1196996");
}

TEST_F(KeptTokensTest, ExpiriesAreKeptWithTheTokensThatHaveThem) {
  const std::vector<KeptToken> tokens = {{"digits", Expiry{2030, 12}}, {}, {"others"}};
  const auto row = KeepTokens(tokens, "checkout", kRequest, kFingerprint, expires_, *key_);
  ASSERT_OK(row);
  EXPECT_EQ(*OpenKeptTokens(*row, kFingerprint, *key_), tokens);
}

TEST_F(KeptTokensTest, AccountReferencesAreKeptWithTheTokensThatHaveThem) {
  const std::vector<KeptToken> tokens = {
      {.token = "digits", .expiry = Expiry{2030, 12}, .account_reference = "ACMEA"},
      {.refused = Reason::kTokenDeleted},
      {.token = "tok_b", .account_reference = "ACMEB"}};
  const auto row = KeepTokens(tokens, "checkout", kRequest, kFingerprint, expires_, *key_);
  ASSERT_OK(row);
  EXPECT_EQ(*OpenKeptTokens(*row, kFingerprint, *key_), tokens);
}

TEST_F(KeptTokensTest, TheFingerprintDependsOnAllOfTheRequest) {
  const std::string one = Fingerprint(List(Card("4111111111111111")));
  EXPECT_EQ(one, Fingerprint(List(Card("4111111111111111"))));
  EXPECT_NE(one, Fingerprint(List(Card("4111111111111111")), "tenants/acme/tokenProfiles/other"));
  EXPECT_NE(one, Fingerprint(List(Card("4242424242424242"))));
  EXPECT_NE(one, Fingerprint(List(Card("4111111111111111", "2030-12"))));
  EXPECT_NE(one, Fingerprint(List(Card("4111111111111111", "", "Ada"))));
  EXPECT_NE(one, Fingerprint(List(Card("4111111111111111"), Card("4111111111111111"))));
  EXPECT_NE(one, Fingerprint(List(Card("4111111111111112"))));
  EXPECT_NE(Fingerprint(List(Card("4111111111111111"), Card("4242424242424242"))),
            Fingerprint(List(Card("4242424242424242"), Card("4111111111111111"))));
  const auto with = [this](const std::vector<std::string>& tokens,
                           const std::vector<std::string>& metadata) {
    return Fingerprint(List(Card("4111111111111111")), kProfile, {}, tokens, metadata);
  };
  EXPECT_EQ(with({"tok_a"}, {"store=berlin"}), with({"tok_a"}, {"store=berlin"}));
  const std::set<std::string> all = {one,
                                     with({""}, {}),
                                     with({"tok_a"}, {}),
                                     with({"tok_b"}, {}),
                                     with({}, {"store=berlin"}),
                                     with({"tok_a"}, {"store=berlin"}),
                                     with({"tok_a"}, {"store=vienna"})};
  EXPECT_EQ(all.size(), 7U);
}

}  // namespace
}  // namespace keysvc::tokenizer
