#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "crypto/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/memory_store.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/tokenizer/random_cards.h"
#include "tests/unit/tokenizer/tokenizing_service.h"
#include "tokenizer/stored_tokens.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::MemoryStore;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kRequest[] = "11111111-2222-4333-8444-555555555555";
// A card of the length and with the last four of kVisa.
std::string TwinOfVisa() {
  std::string digits = "400000000000" + std::string(kVisa.substr(12));
  const std::span<std::uint8_t> bytes(reinterpret_cast<std::uint8_t*>(digits.data()),
                                      digits.size());
  SetLuhnRemainder(bytes, bytes[11], 0);
  return digits;
}
const std::string kTwin = TwinOfVisa();

class TokenizerNumericTest : public ::testing::Test {
 protected:
  TokenizerNumericTest() {
    service_.random_ = [this](std::span<std::uint8_t> out) {
      ++draws_;
      if (!stuck_) return crypto::FillRandom(out);
      std::fill(out.begin(), out.end(), std::uint8_t{7});
      // From then on another one.
      if (get_free_after_ > 0 && draws_ >= get_free_after_) out[15] = 8;
    };
  }
  static TokenName Of(TokenName token, std::string_view profile) {
    token.profile = profile;
    return token;
  }
  TokenName TokenOf(std::string_view pan, std::string_view profile = kNumbers) {
    return Of(service_.TokenOf(pan, profile), profile);
  }
  static std::string PanIn(const absl::StatusOr<RevealedCard>& card) {
    return std::string(
        crypto::AsText(card.value().full.value().pan.Expose(crypto::SecretAccess::kGranted)));
  }

  MemoryStore store_;
  Service service_{store_};
  std::atomic<int> draws_ = 0;
  std::atomic<bool> stuck_ = false;
  std::atomic<int> get_free_after_ = 0;
};

TEST_F(TokenizerNumericTest, ACardBecomesDigitsAndComesBackWhole) {
  const TokenName token = TokenOf(kVisa);
  EXPECT_EQ(token.token.size(), kVisa.size());
  EXPECT_EQ(token.token.substr(12), kVisa.substr(12));
  EXPECT_FALSE(PassesLuhn(crypto::AsBytes(token.token)));
  const auto card = service_.DetokenizeOne(token);
  EXPECT_EQ(PanIn(card), kVisa);
  EXPECT_EQ(card->expiry, (Expiry{2030, 12}));
}

TEST_F(TokenizerNumericTest, ADeterministicProfileKeepsACardsTokenAndAnotherDoesNot) {
  EXPECT_EQ(TokenOf(kVisa).token, TokenOf(kVisa).token);
  EXPECT_NE(TokenOf(kVisa, kManyNumbers).token, TokenOf(kVisa, kManyNumbers).token);
}

TEST_F(TokenizerNumericTest, CardsOfEveryLengthAreTaken) {
  RandomCards random;
  SCOPED_TRACE(random.seed());
  for (std::size_t length = 12; length <= 19; ++length) {
    const std::string card = random.Next(length);
    const TokenName token = TokenOf(card);
    EXPECT_EQ(token.token.size(), length);
    EXPECT_EQ(token.token.substr(length - 4), card.substr(length - 4));
    EXPECT_EQ(PanIn(service_.DetokenizeOne(token)), card);
  }
}

TEST_F(TokenizerNumericTest, NothingIsFoundThatTheNamedProfileDidNotMakeAndAllLookTheSame) {
  const TokenName token = TokenOf(kVisa);
  TokenName guessed = token;
  guessed.token[0] = static_cast<char>(guessed.token[0] == '9' ? '0' : guessed.token[0] + 1);
  if (PassesLuhn(crypto::AsBytes(guessed.token))) guessed.token[1] ^= 1;
  const absl::Status wanted = service_.DetokenizeOne({"acme", "tok_x"}).status();
  for (const TokenName& wrong :
       {guessed, Of(token, kManyNumbers), Of(token, kCards), TokenName{"acme", token.token},
        Of({"acme", std::string(kVisa)}, kNumbers), Of({"acme", ""}, kNumbers),
        Of(service_.TokenOf(kVisa), kNumbers), Of(TokenOf(kVisa, kManyNumbers), kNumbers)}) {
    EXPECT_EQ(service_.DetokenizeOne(wrong).status(), wanted) << wrong.token;
    if (!wrong.token.empty()) {
      EXPECT_THAT(service_.LastRecord("TokenService.Detokenize"), Not(HasSubstr(wrong.token)));
    }
  }
}

TEST_F(TokenizerNumericTest, ACardNumberInTheTokensPlaceIsNotEvenLookedFor) {
  store_.Fail(MemoryStore::Step::kRead);
  EXPECT_THAT(service_.DetokenizeOne(Of({"acme", std::string(kVisa)}, kNumbers)),
              HasReason(Reason::kTokenNotFound));
  EXPECT_THAT(service_.DetokenizeOne(Of({"acme", "4111111111111112"}, kNumbers)),
              HasReason(Reason::kStoreUnavailable));
}

TEST_F(TokenizerNumericTest, ThePolicyDecidesBeforeAnythingIsLookedFor) {
  const TokenName token = TokenOf(kVisa);
  store_.Fail(MemoryStore::Step::kRead);
  EXPECT_THAT(service_.DetokenizeOne(token, "fraud", ""), HasReason(Reason::kPolicyDenied));
  store_.Heal();
  EXPECT_OK(service_.DetokenizeOne(token));
}

TEST_F(TokenizerNumericTest, BothCallsAreRecordedWithTheTokenAndNotTheCard) {
  const TokenName token = TokenOf(kVisa);
  ASSERT_OK(service_.DetokenizeOne(token));
  for (const char* action : {"TokenService.Tokenize", "TokenService.Detokenize"}) {
    const std::string record = service_.LastRecord(action);
    EXPECT_THAT(record, HasSubstr("\"resource\":\"" + token.ToString() + "\""));
    EXPECT_THAT(record, HasSubstr("\"profile\":\"" + std::string(kNumbers) + "\""));
    EXPECT_THAT(record, HasSubstr("\"data_key_version\":\"1\""));
    EXPECT_THAT(record, Not(HasSubstr(std::string(kVisa))));
  }
}

TEST_F(TokenizerNumericTest, ADrawThatMeetsATokenInUseIsRepeated) {
  stuck_ = true;
  const TokenName first = TokenOf(kVisa, kManyNumbers);
  draws_ = 0;
  get_free_after_ = 5;
  const TokenName second = TokenOf(kTwin, kManyNumbers);
  EXPECT_GE(draws_, 5);
  EXPECT_NE(second.token, first.token);
  EXPECT_EQ(PanIn(service_.DetokenizeOne(first)), kVisa);
  EXPECT_EQ(PanIn(service_.DetokenizeOne(second)), kTwin);
}

TEST_F(TokenizerNumericTest, WhenNoDrawIsFreeTheCardIsRefusedAndOthersAreNot) {
  stuck_ = true;
  const TokenName first = TokenOf(kVisa, kManyNumbers);
  draws_ = 0;
  auto tokens = service_.Tokenize(List(Card(kTwin), Card(kAmex)), kManyNumbers);
  ASSERT_OK(tokens);
  EXPECT_THAT(tokens->at(0), HasReason(Reason::kTokensExhausted));
  ASSERT_OK(tokens->at(1));
  // One for each card, which the commit finds to be taken, and then 32 and one.
  EXPECT_EQ(draws_, 35);
  EXPECT_THAT(service_.LastRecord("TokenService.Tokenize"), HasSubstr("TOKENS_EXHAUSTED"));
  EXPECT_EQ(PanIn(service_.DetokenizeOne(first)), kVisa);
  // Another profile, and another tenant, has numbers of its own.
  EXPECT_EQ(service_.TokenOf(kTwin, kNumbers).token, first.token);
}

TEST_F(TokenizerNumericTest, CardsOfABatchNeverShareADraw) {
  stuck_ = true;
  get_free_after_ = 3;
  auto tokens = service_.Tokenize(List(Card(kVisa), Card(kTwin)), kManyNumbers);
  ASSERT_OK(tokens);
  ASSERT_OK(tokens->at(0));
  ASSERT_OK(tokens->at(1));
  EXPECT_NE(tokens->at(0)->token, tokens->at(1)->token);
}

TEST_F(TokenizerNumericTest, CallersWhoRaceForOneCardGetOneToken) {
  std::vector<std::jthread> callers;
  std::vector<std::string> made(64);
  for (std::string& token : made) {
    callers.emplace_back([&] { token = service_.TokenOf(kVisa, kNumbers).token; });
  }
  callers.clear();
  EXPECT_EQ(std::set<std::string>(made.begin(), made.end()).size(), 1U);
  EXPECT_EQ(store_.Snapshot().tokens.size(), 1U);
}

TEST_F(TokenizerNumericTest, ARepeatedRequestGetsTheSameDigits) {
  const auto first = service_.Tokenize(List(Card(kVisa)), kManyNumbers, kRequest);
  ASSERT_OK(first);
  const auto again = service_.Tokenize(List(Card(kVisa)), kManyNumbers, kRequest);
  ASSERT_OK(again);
  EXPECT_EQ(again->at(0)->token, first->at(0)->token);
}

TEST_F(TokenizerNumericTest, ATokenIsDescribedThroughItsProfile) {
  const TokenName token = TokenOf(kVisa);
  const auto view = service_.Describe(token);
  ASSERT_OK(view);
  EXPECT_EQ(view->profile, kNumbers);
  EXPECT_EQ(view->masked_pan, "************1111");
  EXPECT_THAT(service_.Describe({"acme", token.token}), HasReason(Reason::kTokenNotFound));
}

TEST_F(TokenizerNumericTest, DigitsThatWereChangedInTheStoreOpenNothing) {
  const TokenName one = TokenOf(kVisa);
  const TokenName two = TokenOf(kTwin);
  store_.Tamper([&](MemoryStore::Rows& rows) {
    std::swap(rows.tokens.at(1).digits, rows.tokens.at(2).digits);
    std::swap(rows.digits.at({"acme", 8, one.token}), rows.digits.at({"acme", 8, two.token}));
  });
  EXPECT_THAT(service_.DetokenizeOne(one), HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(service_.LastRecord("TokenService.Detokenize"), HasSubstr(one.ToString()));
  EXPECT_THAT(service_.DetokenizeOne(two), HasReason(Reason::kIntegrityFailure));
  for (const TokenState state : {TokenState::kSuspended, TokenState::kDeleted}) {
    EXPECT_THAT(service_.Change(one, state), HasReason(Reason::kIntegrityFailure));
  }
  EXPECT_EQ(store_.Snapshot().tokens.at(1).revision, 1U);
  EXPECT_EQ(store_.Snapshot().tokens.at(2).revision, 1U);
}

TEST_F(TokenizerNumericTest, TheCheckOfTheStoreFindsThemByCardDigitsAndRecord) {
  TokenOf(kVisa);
  const TokenName token = TokenOf(kTwin, kManyNumbers);
  const auto check = [&] {
    StoredTokensOptions options;
    options.open_every_row = true;
    return CheckStoredTokens(store_, service_.profiles_, service_.keys_, options);
  };
  const auto found = check();
  ASSERT_OK(found);
  EXPECT_EQ(found->opened, 2U);
  store_.Tamper([&](MemoryStore::Rows& rows) { rows.digits.erase({"acme", 9, token.token}); });
  EXPECT_THAT(check(), HasReason(Reason::kIntegrityFailure));
}

TEST_F(TokenizerNumericTest, AProfileWhoseRowsAreOfAnotherFamilyIsNotServed) {
  service_.TokenOf(kVisa);
  TokenOf(kVisa);
  const auto check = [&](Family cards, Family numbers) {
    const Profiles changed = *Profiles::Create(
        {{.tenant = "acme", .name = "cards", .number = 1, .deterministic = true, .family = cards},
         {.tenant = "acme",
          .name = "numbers",
          .number = 8,
          .deterministic = true,
          .family = numbers}});
    return CheckStoredTokens(store_, changed, service_.keys_, {}).status();
  };
  EXPECT_OK(check(Family::kOpaque, Family::kNumeric));
  EXPECT_THAT(check(Family::kNumeric, Family::kNumeric), HasReason(Reason::kProfileChanged));
  EXPECT_THAT(check(Family::kOpaque, Family::kOpaque), HasReason(Reason::kProfileChanged));
}

}  // namespace
}  // namespace keysvc::tokenizer
