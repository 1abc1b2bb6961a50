#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "crypto/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/memory_store.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/tokenizer/random_cards.h"
#include "tests/unit/tokenizer/tokenizing_service.h"
#include "tokenizer/stored_tokens.h"
#include "tokenizer/token_purge.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::MemoryStore;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kRequest[] = "11111111-2222-4333-8444-555555555555";

class TokenizerEmvTest : public ::testing::Test {
 protected:
  TokenizerEmvTest() {
    service_.random_ = [this](std::span<std::uint8_t> out) {
      if (!stuck_) return crypto::FillRandom(out);
      std::fill(out.begin(), out.end(), std::uint8_t{7});
    };
  }
  IssuedToken IssuedFor(std::string_view pan) {
    auto tokens = service_.Issue(List(Card(pan)), kNetwork);
    EXPECT_OK(tokens);
    EXPECT_OK(tokens->at(0));
    return *tokens->at(0);
  }
  TokenName TokenOf(std::string_view pan) {
    TokenName token = IssuedFor(pan).name;
    token.profile = kNetwork;
    return token;
  }
  static std::string PanIn(const absl::StatusOr<RevealedCard>& card) {
    return std::string(
        crypto::AsText(card.value().full.value().pan.Expose(crypto::SecretAccess::kGranted)));
  }
  void GoTo(const char* time) {
    absl::Time now;
    std::string error;
    ASSERT_TRUE(absl::ParseTime(absl::RFC3339_full, time, &now, &error)) << error;
    service_.now_ms_ = absl::ToUnixMillis(now);
  }

  MemoryStore store_;
  Service service_{store_};
  std::atomic<bool> stuck_ = false;
};

TEST_F(TokenizerEmvTest, ACardBecomesANumberOfTheRangeAndComesBackWhole) {
  const TokenName token = TokenOf(kVisa);
  EXPECT_TRUE(service_.ProfileNamed(kNetwork).emv.range.Contains(token.token)) << token.token;
  EXPECT_TRUE(PassesLuhn(crypto::AsBytes(token.token))) << token.token;
  const auto card = service_.DetokenizeOne(token);
  EXPECT_EQ(PanIn(card), kVisa);
  EXPECT_EQ(card->expiry, (Expiry{2030, 12}));
  EXPECT_NE(TokenOf(kVisa).token, token.token);
}

TEST_F(TokenizerEmvTest, ATokenExpiresWithItsLastMonthAndItsCardIsErased) {
  GoTo("2026-11-29T20:00:00Z");
  const IssuedToken issued = IssuedFor(kVisa);
  EXPECT_EQ(issued.expiry, (Expiry{2027, 1}));
  TokenName token = issued.name;
  token.profile = kNetwork;
  const auto view = service_.Describe(token);
  ASSERT_OK(view);
  EXPECT_EQ(view->token_expiry, issued.expiry);
  EXPECT_EQ(view->token_requestor_id, "40010030273");
  EXPECT_EQ(view->expiry, (Expiry{2030, 12}));
  GoTo("2027-01-31T23:59:59.999Z");
  EXPECT_OK(service_.DetokenizeOne(token));
  GoTo("2027-02-01T00:00:00Z");
  EXPECT_THAT(service_.DetokenizeOne(token), HasReason(Reason::kTokenExpired));
  TokenPurge purge(
      service_.profiles_, service_.keys_, store_, *service_.journal_, [](const absl::Status&) {},
      service_.Clock());
  EXPECT_EQ(purge.Round().value(), 1U);
  const auto erased = service_.Describe(token);
  ASSERT_OK(erased);
  EXPECT_EQ(erased->state, TokenState::kDeleted);
  EXPECT_EQ(erased->token_expiry, issued.expiry);
}

TEST_F(TokenizerEmvTest, ARepeatedRequestGetsTheSameTokenAndExpiryAlsoInAnotherMonth) {
  GoTo("2026-11-30T23:59:59Z");
  const auto ask = [this] {
    return service_.Issue(List(Card(kVisa), Card("1")), kNetwork, kRequest).value();
  };
  const auto first = ask();
  service_.now_ms_ += 2000;
  const auto again = ask();
  EXPECT_EQ(again.at(0)->name.token, first.at(0)->name.token);
  EXPECT_EQ(again.at(0)->expiry, (Expiry{2027, 1}));
  EXPECT_THAT(again.at(1), HasReason(Reason::kPanInvalid));
  EXPECT_EQ(IssuedFor(kVisa).expiry, (Expiry{2027, 2}));
}

TEST_F(TokenizerEmvTest, OnlyTokensOfTheFamilyHaveAnExpiryAndARequestor) {
  for (const char* profile : {kCards, kBrief, kNumbers}) {
    const auto issued = service_.Issue(List(Card(kVisa)), profile);
    ASSERT_OK(issued);
    EXPECT_EQ(issued->at(0)->expiry, std::nullopt);
    TokenName token = issued->at(0)->name;
    token.profile = profile;
    const auto view = service_.Describe(token);
    ASSERT_OK(view);
    EXPECT_EQ(view->token_expiry, std::nullopt);
    EXPECT_EQ(view->token_requestor_id, "");
  }
}

TEST_F(TokenizerEmvTest, ATokenIsNoCardForAnyProfileAndTheRefusalDoesNotShowIt) {
  const std::string token = TokenOf(kVisa).token;
  for (const char* profile : {kCards, kNumbers, kNetwork}) {
    const auto again = service_.Tokenize(List(Card(token)), profile);
    ASSERT_OK(again);
    EXPECT_THAT(again->at(0), HasReason(Reason::kPanInvalid));
    EXPECT_EQ(FieldOf(again->at(0).status()), "card.pan");
    EXPECT_THAT(again->at(0).status().ToString(), Not(HasSubstr(token)));
    EXPECT_THAT(service_.LastRecord("TokenService.Tokenize"), Not(HasSubstr(token)));
  }
  const auto fingerprints = service_.Fingerprint(List(Card(token, "", "")), "acme");
  ASSERT_OK(fingerprints);
  EXPECT_THAT(fingerprints->fingerprints.at(0), HasReason(Reason::kPanInvalid));
}

TEST_F(TokenizerEmvTest, WhatIsNotOfTheRangeIsNotEvenLookedForAndLooksTheSame) {
  const TokenName token = TokenOf(kVisa);
  const absl::Status wanted = service_.DetokenizeOne({"acme", "tok_x"}).status();
  TokenName free = token;
  free.token[10] = static_cast<char>(token.token[10] == '9' ? '0' : token.token[10] + 1);
  free.token = Completed(free.token);
  EXPECT_EQ(service_.DetokenizeOne(free).status(), wanted);
  for (const char* profile : {"", kCards, kNumbers}) {
    EXPECT_EQ(service_.DetokenizeOne({"acme", token.token, profile}).status(), wanted) << profile;
  }
  store_.Fail(MemoryStore::Step::kRead);
  TokenName mistyped = token;
  mistyped.token.back() = static_cast<char>(mistyped.token.back() == '9' ? '0' : '9');
  const TokenName card{"acme", std::string(kVisa), kNetwork};
  for (const TokenName& wrong : {mistyped, card}) {
    EXPECT_EQ(service_.DetokenizeOne(wrong).status(), wanted) << wrong.token;
  }
}

TEST_F(TokenizerEmvTest, WhenNoDrawIsFreeTheCardIsRefused) {
  stuck_ = true;
  const TokenName first = TokenOf(kVisa);
  const auto second = service_.Tokenize(List(Card(kAmex)), kNetwork);
  ASSERT_OK(second);
  EXPECT_THAT(second->at(0), HasReason(Reason::kTokensExhausted));
  EXPECT_EQ(PanIn(service_.DetokenizeOne(first)), kVisa);
}

TEST_F(TokenizerEmvTest, ATokenIsSuspendedResumedAndDeletedThroughItsProfile) {
  const TokenName token = TokenOf(kVisa);
  ASSERT_OK(service_.Change(token, TokenState::kSuspended));
  EXPECT_THAT(service_.DetokenizeOne(token), HasReason(Reason::kTokenSuspended));
  ASSERT_OK(service_.Change(token, TokenState::kActive));
  EXPECT_EQ(PanIn(service_.DetokenizeOne(token)), kVisa);
  ASSERT_OK(service_.Change(token, TokenState::kDeleted));
  EXPECT_THAT(service_.DetokenizeOne(token), HasReason(Reason::kTokenDeleted));
}

TEST_F(TokenizerEmvTest, TheCheckOfTheStoreTakesThemForSound) {
  TokenOf(kVisa);
  StoredTokensOptions options;
  options.open_every_row = true;
  const auto found = CheckStoredTokens(store_, service_.profiles_, service_.keys_, options);
  ASSERT_OK(found);
  EXPECT_EQ(found->opened, 1U);
}

}  // namespace
}  // namespace keysvc::tokenizer
