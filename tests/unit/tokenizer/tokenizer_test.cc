#include "tokenizer/tokenizer.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/literal_keys.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/tokenizer/each_store.h"
#include "tests/unit/tokenizer/random_cards.h"
#include "tests/unit/tokenizer/tokenizing_service.h"
#include "tokenizer/opaque_token.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::LiteralKey;
using policy::Action;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kRequest[] = "11111111-2222-4333-8444-555555555555";

class TokenizerTest : public EachStoreTest {};

WITH_EACH_STORE(TokenizerTest);

TEST_P(TokenizerTest, ACardComesBackWholeToWhoMaySeeIt) {
  const TokenName token = service_->TokenOf(kVisa);
  EXPECT_EQ(token.tenant, "acme");
  const auto card = service_->DetokenizeOne(token);
  ASSERT_OK(card);
  EXPECT_EQ(card->reveal, policy::Reveal::kFull);
  ASSERT_TRUE(card->full.has_value());
  EXPECT_EQ(crypto::AsText(card->full->pan.Expose(crypto::SecretAccess::kGranted)), kVisa);
  EXPECT_EQ(crypto::AsText(card->full->cardholder_name.Expose(crypto::SecretAccess::kGranted)),
            "Ada Lovelace");
  EXPECT_EQ(card->masked_pan, "411111******1111");
  EXPECT_EQ(card->expiry, (Expiry{2030, 12}));
}

TEST_P(TokenizerTest, ThePolicyDecidesHowMuchIsShown) {
  const auto masked = service_->DetokenizeOne(service_->TokenOf(kVisa), "fraud", "");
  ASSERT_OK(masked);
  EXPECT_EQ(masked->masked_pan, "411111******1111");
  EXPECT_FALSE(masked->full.has_value());
  const auto last_four = service_->DetokenizeOne(service_->TokenOf(kVisa, kOneTime), "fraud", "");
  ASSERT_OK(last_four);
  EXPECT_EQ(last_four->reveal, policy::Reveal::kLastFour);
  EXPECT_EQ(last_four->masked_pan, "************1111");
  EXPECT_FALSE(last_four->full.has_value());
}

TEST_P(TokenizerTest, ADeterministicProfileGivesOneTokenForEver) {
  const TokenName first = service_->TokenOf(kVisa);
  EXPECT_EQ(service_->TokenOf(kVisa).token, first.token);
  EXPECT_NE(service_->TokenOf(kAmex).token, first.token);
  EXPECT_NE(service_->TokenOf(kVisa, "tenants/beta/tokenProfiles/cards").token, first.token);
  service_->keys_.RotateDataKey();
  service_->keys_.RotateTokenKey();
  EXPECT_EQ(service_->TokenOf(kVisa).token, first.token);
  EXPECT_OK(service_->DetokenizeOne(first));
}

TEST_P(TokenizerTest, OtherwiseEveryCallGivesANewToken) {
  const TokenName first = service_->TokenOf(kVisa, kOneTime);
  EXPECT_NE(service_->TokenOf(kVisa, kOneTime).token, first.token);
  auto both = service_->Tokenize(List(Card(kVisa), Card(kVisa)), kOneTime);
  ASSERT_OK(both);
  EXPECT_NE((*both)[0]->token, (*both)[1]->token);
}

TEST_P(TokenizerTest, NewTokensAreMadeWithTheNewestKeys) {
  service_->keys_.RotateDataKey();
  service_->keys_.RotateTokenKey();
  const TokenName token = service_->TokenOf(kVisa);
  EXPECT_EQ(*TokenKeyVersion(token.token), 2u);
  const auto view = service_->Describe(token);
  ASSERT_OK(view);
  EXPECT_EQ(view->data_key_version, 2u);
}

TEST_P(TokenizerTest, OneBatchOpensTokensOfEveryProfileAndVersionOfTheirKeys) {
  Service::Tokens tokens;
  tokens.push_back(service_->TokenOf(kVisa));
  tokens.push_back(service_->TokenOf(kVisa, kOneTime));
  service_->keys_.RotateDataKey();
  service_->keys_.RotateTokenKey();
  tokens.push_back(service_->TokenOf(kAmex));
  const auto cards = service_->Detokenize(std::move(tokens), "fraud", "");
  ASSERT_OK(cards);
  ASSERT_EQ(cards->size(), 3u);
  for (const auto& card : *cards) EXPECT_OK(card);
}

TEST_P(TokenizerTest, ABatchSharesTokensAndFailsItemByItem) {
  auto tokens = service_->Tokenize(
      List(Card(kVisa), Card("4111111111111112"), Card(kAmex), Card(kVisa, "2031-01")));
  ASSERT_OK(tokens);
  ASSERT_EQ(tokens->size(), 4u);
  ASSERT_OK((*tokens)[0]);
  EXPECT_THAT((*tokens)[1], HasReason(Reason::kPanInvalid));
  ASSERT_OK((*tokens)[2]);
  ASSERT_OK((*tokens)[3]);
  EXPECT_EQ((*tokens)[0]->token, (*tokens)[3]->token);
  EXPECT_NE((*tokens)[0]->token, (*tokens)[2]->token);
  const std::string record = service_->LastRecord("TokenService.Tokenize");
  EXPECT_THAT(record, HasSubstr((*tokens)[0]->ToString()));
  EXPECT_THAT(record, HasSubstr("PAN_INVALID"));
}

TEST_P(TokenizerTest, RacesForTheSameCardsEndInOneTokenEach) {
  constexpr std::size_t kCallers = 64;
  RandomCards random;
  SCOPED_TRACE(random.seed());
  std::vector<std::string> pans;
  for (int i = 0; i < 100; ++i) pans.push_back(random.Next(16));
  std::vector<std::map<std::string, std::string>> made(kCallers);
  std::vector<std::jthread> callers;
  for (std::size_t i = 0; i < kCallers; ++i) {
    // Each in an order of its own.
    std::vector<std::string> mine = pans;
    for (std::size_t left = mine.size(); left > 1; --left) {
      std::swap(mine[left - 1], mine[random.Below(left)]);
    }
    callers.emplace_back([this, mine = std::move(mine), &tokens = made[i]] {
      std::vector<absl::StatusOr<CardData>> cards;
      for (const std::string& pan : mine) cards.push_back(Card(pan));
      const auto issued = service_->Tokenize(std::move(cards));
      for (std::size_t at = 0; issued.ok() && at < mine.size(); ++at) {
        if (issued->at(at).ok()) tokens[mine[at]] = issued->at(at)->token;
      }
    });
  }
  callers.clear();
  EXPECT_EQ(made[0].size(), pans.size());
  for (const auto& tokens : made) EXPECT_EQ(tokens, made[0]);
  EXPECT_EQ(Rows().size(), pans.size());
  EXPECT_EQ(service_->Records("TokenService.Tokenize"), kCallers);
}

TEST_P(TokenizerTest, RacesOfTheSameRequestsEndInOneAnswerEach) {
#ifdef NDEBUG
  constexpr std::size_t kEach = 1'600;  // 102,400 in all
#else
  constexpr std::size_t kEach = 100;
#endif
  constexpr std::size_t kCallers = 64;
  constexpr std::size_t kRequests = 200;
  std::vector<std::set<std::string>> made(kRequests);
  std::mutex mutex;
  std::vector<std::jthread> callers;
  for (std::size_t caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([&] {
      // All of them come to each request at about the same time.
      for (std::size_t call = 0; call < kEach; ++call) {
        const std::size_t request = call * kRequests / kEach;
        const auto tokens = service_->Tokenize(
            List(Card(kVisa)), kOneTime, absl::StrFormat("11111111-2222-4333-8444-%012d", request));
        const std::lock_guard lock(mutex);
        made[request].insert(tokens.ok() && tokens->at(0).ok() ? tokens->at(0)->token : "none");
      }
    });
  }
  callers.clear();
  for (const auto& tokens : made) {
    if (tokens.empty()) continue;  // of a run that makes fewer calls
    EXPECT_EQ(tokens.size(), 1U);
    EXPECT_EQ(tokens.count("none"), 0U);
  }
  EXPECT_EQ(Rows().size(), std::min(kRequests, kEach));
}

TEST_P(TokenizerTest, ARepeatedRequestGetsTheSameAnswerAndIsRecordedAgain) {
  const auto ask = [this] {
    return service_->Tokenize(List(Card(kVisa), Card("1")), kOneTime, kRequest);
  };
  auto first = ask();
  auto second = ask();
  ASSERT_OK(first);
  ASSERT_OK(second);
  EXPECT_EQ((*first)[0]->token, (*second)[0]->token);
  EXPECT_THAT((*second)[1], HasReason(Reason::kPanInvalid));
  EXPECT_EQ(service_->Records("TokenService.Tokenize"), 2u);
  const std::string record = service_->LastRecord("TokenService.Tokenize");
  EXPECT_THAT(record, HasSubstr("\"repetition\":\"true\""));
  EXPECT_THAT(record, HasSubstr((*first)[0]->ToString()));
  EXPECT_THAT(record, HasSubstr(kRequest));
}

TEST_P(TokenizerTest, ACauseThatPassesFailsABatchAsAWholeSoThatItIsRepeatedAsAWhole) {
  const auto ask = [this] {
    return service_->Tokenize(List(Card(kVisa), Card(kAmex)), kOneTime, kRequest);
  };
  for (const Reason reason :
       {Reason::kKeyUsesNotReserved, Reason::kKeyUsesExhausted, Reason::kLockedMemory,
        Reason::kHsmUnavailable, Reason::kConflict, Reason::kHsmFailure, Reason::kPinRefused}) {
    service_->keys_.data_seals().Refuse(reason, 1);
    EXPECT_THAT(ask(), HasReason(reason));
    EXPECT_THAT(Rows(), IsEmpty());
  }
  service_->keys_.data_seals().Refuse(std::nullopt);
  EXPECT_THAT(service_->Tokenize(List(Card(kVisa), Error(Reason::kLockedMemory, "")), kOneTime),
              HasReason(Reason::kLockedMemory));
  EXPECT_THAT(Rows(), IsEmpty());
  const auto made = ask();
  ASSERT_OK(made);
  const auto again = ask();
  ASSERT_OK(again);
  for (std::size_t i = 0; i < 2; ++i) {
    ASSERT_OK((*made)[i]);
    EXPECT_EQ((*again)[i]->token, (*made)[i]->token);
  }
  EXPECT_EQ(Rows().size(), 2U);
}

TEST_P(TokenizerTest, ACardThatWasRefusedByALimitBesideOthersGivesNoneOfThemASecondToken) {
  for (int i = 0; i < 20; ++i) (void)service_->TokenOf(LookAlike(i), kLinkedPerCall);
  const std::size_t before = Rows().size();
  const auto ask = [this] {
    return service_->Tokenize(List(Card(kAmex), Card(LookAlike(20))), kLinkedPerCall, kRequest);
  };
  const auto made = ask();
  ASSERT_OK(made);
  ASSERT_OK((*made)[0]);
  EXPECT_THAT((*made)[1], HasReason(Reason::kGuessesExhausted));
  service_->now_ms_ += 23 * 60 * 60 * 1000;
  const auto again = ask();
  ASSERT_OK(again);
  EXPECT_EQ((*again)[0]->token, (*made)[0]->token);
  EXPECT_THAT((*again)[1], HasReason(Reason::kGuessesExhausted));
  EXPECT_EQ(Rows().size(), before + 1);
}

TEST_P(TokenizerTest, AnotherRequestWithTheSameIdIsRefusedAndRecorded) {
  ASSERT_OK(service_->Tokenize(List(Card(kVisa)), kOneTime, kRequest));
  EXPECT_THAT(service_->Tokenize(List(Card(kAmex)), kOneTime, kRequest),
              HasReason(Reason::kRequestIdReused));
  EXPECT_THAT(service_->Tokenize(List(Card(kVisa)), kCards, kRequest),
              HasReason(Reason::kRequestIdReused));
  EXPECT_THAT(service_->LastRecord("TokenService.Tokenize"), HasSubstr("REQUEST_ID_REUSED"));
}

TEST_P(TokenizerTest, AnAnswerIsKeptForADayOrAsLongAsTheProfileSays) {
  constexpr std::int64_t kDay = 24 * 60 * 60 * 1000;
  for (const auto& [profile, days] : {std::pair(kOneTime, 1), std::pair(kThrice, 31)}) {
    const auto ask = [this, profile = profile] {
      auto tokens = service_->Tokenize(List(Card(kVisa)), profile, kRequest);
      EXPECT_OK(tokens) << profile;
      return tokens->at(0)->token;
    };
    const std::string first = ask();
    service_->now_ms_ += days * kDay - 1;
    EXPECT_EQ(ask(), first) << profile;
    service_->stepped_ms_ = 400 * kDay;
    EXPECT_EQ(ask(), first) << profile;
    service_->stepped_ms_ = 0;
    service_->now_ms_ += 1;
    EXPECT_NE(ask(), first) << profile;
    service_->now_ms_ += days * kDay;
  }
}

TEST_P(TokenizerTest, WhatIsNoTokenOfTheTenantIsNotFound) {
  const TokenName good = service_->TokenOf(kVisa);
  const TokenName foreign = service_->TokenOf(kVisa, "tenants/beta/tokenProfiles/cards");
  const auto key = *service_->keys_.TokenKey("acme", 1);
  std::string typo = good.token;
  typo[20] = typo[20] == 'a' ? 'b' : 'a';
  const auto forged = *crypto::Aes256Block::Create(LiteralKey("mine"));
  Service::Tokens tokens;
  tokens.push_back(TokenName{"acme", typo});
  tokens.push_back(TokenName{"acme", foreign.token});
  tokens.push_back(foreign);
  tokens.push_back(TokenName{"acme", "4111111111111111"});
  tokens.push_back(TokenName{"acme", EncodeOpaqueToken({1, 1}, "acme", 1, *forged)});
  tokens.push_back(TokenName{"acme", EncodeOpaqueToken({1, 1}, "acme", 9, *key)});
  tokens.push_back(TokenName{"acme", EncodeOpaqueToken({1, 1}, "acme", 0, *key)});
  tokens.push_back(TokenName{"acme", EncodeOpaqueToken({999'999, 1}, "acme", 1, *key)});
  tokens.push_back(good);
  const auto cards = service_->Detokenize(std::move(tokens));
  ASSERT_OK(cards);
  ASSERT_EQ(cards->size(), 9u);
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_THAT((*cards)[i], HasReason(Reason::kTokenNotFound)) << i;
    EXPECT_EQ((*cards)[i].status().message(), "no such token");
  }
  EXPECT_OK((*cards)[8]);
  const std::string record = service_->LastRecord("TokenService.Detokenize");
  EXPECT_THAT(record, HasSubstr("TOKEN_NOT_FOUND"));
  EXPECT_THAT(record, Not(HasSubstr(kVisa)));
  EXPECT_THAT(record, Not(HasSubstr(typo)));
}

// A store that is put back gives handles again; the restoration has rotated the token key.
TEST_P(TokenizerTest, ATokenFromBeforeARestorationNeverOpensTheCardThatGotItsHandle) {
  const auto old_key = service_->keys_.TokenKey("acme", 1);
  ASSERT_OK(old_key);
  service_->keys_.RotateTokenKey();
  const TokenName later = service_->TokenOf(kVisa);
  const auto handle =
      DecodeOpaqueToken(later.token, "acme", **service_->keys_.TokenKey("acme", 2))->handle;
  const TokenName before{"acme", EncodeOpaqueToken({handle, 1}, "acme", 1, **old_key)};
  const TokenName unknown{"acme", EncodeOpaqueToken({999'999, 1}, "acme", 1, **old_key)};
  const auto gone = service_->DetokenizeOne(before);
  EXPECT_THAT(gone, HasReason(Reason::kTokenNotFound));
  EXPECT_EQ(gone.status(), service_->DetokenizeOne(unknown).status());
  EXPECT_OK(service_->DetokenizeOne(later));
}

TEST_P(TokenizerTest, AProfileThatThePolicyDoesNotAllowIsDeniedItemByItem) {
  Service::Tokens tokens;
  tokens.push_back(service_->TokenOf(kVisa));
  tokens.push_back(service_->TokenOf(kVisa, kOneTime));
  tokens.push_back(Error(Reason::kFieldInvalid, "not a name", "names"));
  const auto cards = service_->Detokenize(std::move(tokens));
  ASSERT_OK(cards);
  EXPECT_OK((*cards)[0]);
  EXPECT_THAT((*cards)[1], HasReason(Reason::kPolicyDenied));
  EXPECT_THAT((*cards)[2], HasReason(Reason::kFieldInvalid));

  EXPECT_THAT(service_->DetokenizeOne(service_->TokenOf(kVisa, kOneTime)),
              HasReason(Reason::kPolicyDenied));
  EXPECT_THAT(service_->LastRecord("TokenService.Detokenize"), HasSubstr("\"denied\""));
}

TEST_P(TokenizerTest, APermitOpensNothingElse) {
  const TokenName token = service_->TokenOf(kVisa);
  std::promise<Reason> reason;
  const auto take = [&reason](auto recorded) {
    ASSERT_OK(recorded);
    reason.set_value(ReasonOf(recorded->value.status()).value());
  };
  service_->tokenizer_->Tokenize(service_->PermitFor("checkout", Action::kTokenize, kOneTime),
                                 service_->ProfileNamed(kCards), List(Card(kVisa)), {}, take);
  EXPECT_EQ(reason.get_future().get(), Reason::kInternal);
  reason = {};
  service_->tokenizer_->Describe(
      service_->PermitFor("fraud", Action::kDetokenize, "tenants/acme/tokens"), "acme", {token}, {},
      take);
  EXPECT_EQ(reason.get_future().get(), Reason::kInternal);
  reason = {};
  Service::Tokens tokens;
  tokens.push_back(token);
  service_->tokenizer_->Detokenize(
      service_->PermitFor("fraud", Action::kDetokenize, "tenants/acme/tokens"), "beta",
      std::move(tokens), {}, take);
  EXPECT_EQ(reason.get_future().get(), Reason::kInternal);
}

TEST_P(TokenizerTest, ATokenIsDescribedWithoutItsCard) {
  const TokenName token = service_->TokenOf(kVisa);
  const auto view = service_->Describe(token);
  ASSERT_OK(view);
  EXPECT_EQ(view->profile, kCards);
  EXPECT_EQ(view->masked_pan, "************1111");
  EXPECT_EQ(view->expiry, (Expiry{2030, 12}));
  EXPECT_EQ(view->created, absl::FromUnixMillis(1'700'000'000'000));
  EXPECT_EQ(view->data_key_version, 1u);
  EXPECT_EQ(service_->Describe(token, "fraud")->masked_pan, "411111******1111");
  EXPECT_THAT(service_->Describe(TokenName{"acme", "tok_x"}), HasReason(Reason::kTokenNotFound));
}

TEST_P(TokenizerTest, EachTokenOfABatchIsDescribedOrRefusedByItself) {
  const TokenName first = service_->TokenOf(kVisa);
  const TokenName second = service_->TokenOf(kAmex);
  const auto views =
      service_->DescribeAll({first, TokenName{"acme", "tok_x"}, TokenName{"beta", first.token},
                             Error(Reason::kFieldInvalid, "no name", "names"), second});
  ASSERT_OK(views);
  ASSERT_EQ(views->size(), 5U);
  EXPECT_EQ((*views)[0]->name, first.ToString());
  EXPECT_THAT((*views)[1], HasReason(Reason::kTokenNotFound));
  EXPECT_EQ((*views)[2].status(), (*views)[1].status());
  EXPECT_THAT((*views)[3], HasReason(Reason::kFieldInvalid));
  EXPECT_EQ((*views)[4]->name, second.ToString());
  EXPECT_EQ((*views)[4]->masked_pan, "***********0005");
  EXPECT_EQ(service_->Records("TokenService.GetToken"), 1U);
  const std::string record = service_->LastRecord("TokenService.GetToken");
  EXPECT_THAT(record, HasSubstr(first.ToString()));
  EXPECT_THAT(record, HasSubstr(second.ToString()));
}

TEST_P(TokenizerTest, ARecordHoldsTheFactsAndNoCard) {
  const TokenName token = service_->TokenOf(kVisa);
  const std::string made = service_->LastRecord("TokenService.Tokenize");
  for (const std::string& fact :
       {std::string("\"checkout\""), std::string("spiffe://x/checkout"),
        std::string("ipv4:192.0.2.7:9"), std::string(kCards), std::string("\"tokenizes\""),
        std::string("\"trace\""), std::string("\"data_key_version\":\"1\""), token.ToString(),
        std::string("\"success\"")}) {
    EXPECT_THAT(made, HasSubstr(fact));
  }
  ASSERT_OK(service_->DetokenizeOne(token));
  const std::string revealed = service_->LastRecord("TokenService.Detokenize");
  for (const std::string& fact :
       {std::string("\"settlement\""), std::string("\"settles\""), std::string(kCards),
        std::string("\"reveal\":\"full\""), token.ToString()}) {
    EXPECT_THAT(revealed, HasSubstr(fact));
  }
  for (const std::string& record : {made, revealed}) {
    for (const char* secret : {"4111", "1111", "Ada", "Lovelace", "2030-12"}) {
      EXPECT_THAT(record, Not(HasSubstr(secret)));
    }
  }
}

TEST_P(TokenizerTest, MissingKeysFailTheCallAndAreRecorded) {
  const TokenName token = service_->TokenOf(kVisa);
  for (const Reason reason : {Reason::kHsmUnavailable, Reason::kKeyNotActive}) {
    service_->keys_.Fail(reason);
    EXPECT_THAT(service_->Tokenize(List(Card(kVisa))), HasReason(reason));
    EXPECT_THAT(service_->DetokenizeOne(token), HasReason(reason));
    EXPECT_THAT(service_->LastRecord("TokenService.Tokenize"),
                HasSubstr(std::string(InfoOf(reason).name)));
    service_->keys_.Heal();
  }
  EXPECT_EQ(service_->TokenOf(kVisa).token, token.token);
}

}  // namespace
}  // namespace keysvc::tokenizer
