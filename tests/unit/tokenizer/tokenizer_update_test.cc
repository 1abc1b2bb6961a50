// Tokens whose cards were issued anew.
#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/memory_store.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/tokenizer/each_store.h"
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
constexpr std::string_view kMastercard = "5555555555554444";

TokenName Named(TokenName token, std::string_view profile) {
  token.profile = profile;
  return token;
}

class TokenizerUpdateTest : public EachStoreTest {
 protected:
  absl::Status CheckStore() {
    return CheckStoredTokens(*store_, service_->profiles_, service_->keys_,
                             {.open_every_row = true, .progress = {}})
        .status();
  }
};

WITH_EACH_STORE(TokenizerUpdateTest);

TEST_P(TokenizerUpdateTest, TheTokenStaysAndOpensTheNewCardInEveryStoredFamily) {
  for (const char* profile :
       {kCards, kOneTime, kBrief, kNumbers, kNetwork, kLinked, kLinkedPerCall}) {
    SCOPED_TRACE(profile);
    const TokenName token = Named(service_->TokenOf(kVisa, profile), profile);
    const auto updated = service_->Update(token, kAmex);
    ASSERT_OK(updated);
    EXPECT_EQ(updated->name.ToString(), token.ToString());
    if (profile == std::string_view(kOneTime)) continue;  // settlement opens none of these
    EXPECT_EQ(service_->NumberOf(token), kAmex);
    const auto card = service_->DetokenizeOne(token);
    ASSERT_OK(card);
    EXPECT_EQ(card->expiry, (Expiry{2030, 12}));
  }
  EXPECT_OK(CheckStore());
}

TEST_P(TokenizerUpdateTest, ADeterministicProfileFindsTheTokenByTheNewCardAndNotByTheOld) {
  const TokenName token = service_->TokenOf(kVisa);
  ASSERT_OK(service_->LookUpOne(kVisa));
  EXPECT_THAT(service_->LookUpOne(kAmex), HasReason(Reason::kCardNotTokenized));
  ASSERT_OK(service_->Update(token, kAmex));
  EXPECT_THAT(service_->LookUpOne(kVisa), HasReason(Reason::kCardNotTokenized));
  EXPECT_EQ(service_->LookUpOne(kAmex)->name.token, token.token);
  EXPECT_EQ(service_->TokenOf(kAmex).token, token.token);
  const TokenName next = service_->TokenOf(kVisa);
  EXPECT_NE(next.token, token.token);
  EXPECT_EQ(service_->NumberOf(next), kVisa);
  EXPECT_EQ(service_->NumberOf(token), kAmex);
  EXPECT_OK(CheckStore());
}

TEST_P(TokenizerUpdateTest, ACardMayComeBackAndMayHaveAnotherExpiryAlone) {
  const TokenName token = service_->TokenOf(kVisa);
  auto cards = List(Card(kVisa, "2034-05", ""));
  const auto updated = service_->UpdateCards({token}, std::move(cards));
  ASSERT_OK(updated);
  ASSERT_OK(updated->at(0));
  EXPECT_EQ(service_->DetokenizeOne(token)->expiry, (Expiry{2034, 5}));
  EXPECT_EQ(service_->TokenOf(kVisa).token, token.token);
  ASSERT_OK(service_->Update(token, kAmex));
  ASSERT_OK(service_->Update(token, kVisa));
  EXPECT_EQ(service_->NumberOf(token), kVisa);
  EXPECT_EQ(service_->TokenOf(kVisa).token, token.token);
  EXPECT_EQ(Rows().size(), 1u);
}

TEST_P(TokenizerUpdateTest, ACardThatHasATokenTakesNoOther) {
  const TokenName token = service_->TokenOf(kVisa);
  const TokenName other = service_->TokenOf(kAmex);
  const auto refused = service_->Update(token, kAmex);
  EXPECT_THAT(refused, HasReason(Reason::kCardAlreadyTokenized));
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(FieldOf(refused.status()), "card");
  EXPECT_EQ(service_->NumberOf(token), kVisa);
  EXPECT_THAT(service_->LastRecord("TokenService.UpdateTokenCard"),
              HasSubstr("CARD_ALREADY_TOKENIZED"));
  ASSERT_OK(service_->Change(other, TokenState::kDeleted));
  EXPECT_OK(service_->Update(token, kAmex));
  EXPECT_EQ(service_->NumberOf(token), kAmex);
}

TEST_P(TokenizerUpdateTest, WhereTheProfileMergesBothTokensOpenTheCard) {
  const TokenName token = service_->TokenOf(kVisa, kMerging);
  const TokenName other = service_->TokenOf(kAmex, kMerging);
  ASSERT_OK(service_->Update(token, kAmex));
  EXPECT_THAT(service_->LastRecord("TokenService.UpdateTokenCard"), HasSubstr(R"("merged":"1")"));
  EXPECT_EQ(service_->NumberOf(token), kAmex);
  EXPECT_EQ(service_->NumberOf(other), kAmex);
  EXPECT_EQ(service_->TokenOf(kAmex, kMerging).token, other.token);
  EXPECT_NE(service_->TokenOf(kVisa, kMerging).token, token.token);
  EXPECT_OK(CheckStore());
  // It is the card's own again once it has another one.
  ASSERT_OK(service_->Update(token, kMastercard));
  EXPECT_EQ(service_->TokenOf(kMastercard, kMerging).token, token.token);
  ASSERT_OK(service_->Update(token, kAmex));
  ASSERT_OK(service_->Change(token, TokenState::kDeleted));
  EXPECT_EQ(service_->NumberOf(other), kAmex);
  EXPECT_OK(CheckStore());
}

TEST_P(TokenizerUpdateTest, StateEndAndUsesStayAndWhatHasEndedIsRefused) {
  const TokenName token = service_->TokenOf(kVisa, kThrice);
  ASSERT_OK(service_->DetokenizeOne(token));
  const auto before = service_->Describe(token);
  ASSERT_OK(service_->Update(token, kAmex));
  auto after = service_->Describe(token);
  ASSERT_OK(after);
  EXPECT_EQ(after->ends, before->ends);
  EXPECT_EQ(after->uses_left, 2u);
  EXPECT_EQ(after->created, before->created);
  ASSERT_OK(service_->Change(token, TokenState::kSuspended));
  ASSERT_OK(service_->Update(token, kMastercard));
  EXPECT_THAT(service_->DetokenizeOne(token), HasReason(Reason::kTokenSuspended));
  ASSERT_OK(service_->Change(token, TokenState::kActive));
  EXPECT_EQ(service_->NumberOf(token), kMastercard);
  EXPECT_EQ(service_->NumberOf(token), kMastercard);
  EXPECT_THAT(service_->Update(token, kVisa), HasReason(Reason::kTokenExhausted));
  const TokenName brief = service_->TokenOf(kVisa, kBrief);
  service_->now_ms_ += absl::ToInt64Milliseconds(absl::Hours(1));
  EXPECT_THAT(service_->Update(brief, kAmex), HasReason(Reason::kTokenExpired));
  ASSERT_OK(service_->Change(brief, TokenState::kDeleted));
  EXPECT_THAT(service_->Update(brief, kAmex), HasReason(Reason::kTokenDeleted));
  EXPECT_OK(CheckStore());
}

TEST_P(TokenizerUpdateTest, TheDomainAndTheAccountReferenceStay) {
  const TokenDomain domain = {"web", "m-17", AmountBand{"EUR", 100, 200}};
  const auto shop = service_->Issue(List(Card(kVisa)), kShops, {}, {domain});
  ASSERT_OK(shop);
  ASSERT_OK(service_->Update(shop->at(0)->name, kAmex));
  EXPECT_EQ(service_->Describe(shop->at(0)->name)->domain, domain);
  EXPECT_THAT(service_->DetokenizeOne(shop->at(0)->name), HasReason(Reason::kDomainMismatch));
  EXPECT_OK(service_->DetokenizeFor({"web", "m-17", Amount{"EUR", 150}}, shop->at(0)->name));

  const auto linked = service_->Issue(List(Card(kVisa)), kLinked);
  ASSERT_OK(linked);
  const TokenName token = linked->at(0)->name;
  const std::string reference = linked->at(0)->account_reference;
  for (const std::string_view pan : {kAmex, kMastercard}) {
    const auto updated = service_->Update(token, pan);
    ASSERT_OK(updated);
    EXPECT_EQ(updated->account_reference, reference);
    EXPECT_EQ(service_->Describe(token)->account_reference, reference);
    EXPECT_EQ(service_->DetokenizeOne(token)->account_reference, reference);
    const auto found = service_->Issue(List(Card(pan)), kLinked);
    ASSERT_OK(found);
    EXPECT_EQ(found->at(0)->name.token, token.token);
    EXPECT_EQ(found->at(0)->account_reference, reference);
    EXPECT_EQ(service_->LookUpOne(pan, kLinked)->account_reference, reference);
  }
  ASSERT_OK(service_->Update(token, kVisa));
  EXPECT_EQ(service_->Describe(token)->account_reference, reference);
}

TEST_P(TokenizerUpdateTest, ARepeatedRequestUndoesNothing) {
  const TokenName token = service_->TokenOf(kVisa);
  ASSERT_OK(service_->Update(token, kAmex, kRequest));
  ASSERT_OK(service_->Update(token, kMastercard));
  const auto again = service_->Update(token, kAmex, kRequest);
  ASSERT_OK(again);
  EXPECT_EQ(again->name.ToString(), token.ToString());
  EXPECT_EQ(service_->NumberOf(token), kMastercard);
  EXPECT_THAT(service_->LastRecord("TokenService.UpdateTokenCard"),
              HasSubstr(R"("repetition":"true")"));
  EXPECT_THAT(service_->Update(token, kVisa, kRequest), HasReason(Reason::kRequestIdReused));
  EXPECT_THAT(service_->Update(service_->TokenOf(kVisa), kAmex, kRequest),
              HasReason(Reason::kRequestIdReused));
}

TEST_P(TokenizerUpdateTest, ARepetitionIsDecidedAnewForTheProfileOfEachToken) {
  const TokenName one = service_->TokenOf(kVisa);
  const TokenName linked = service_->TokenOf(kVisa, kLinked);
  const auto ask = [&] {
    return service_->UpdateCards({one, linked}, List(Card(kAmex), Card(kAmex)), kRequest);
  };
  ASSERT_OK(ask());
  const auto repeated = ask();
  ASSERT_OK(repeated);
  ASSERT_OK(repeated->at(1));
  EXPECT_FALSE(repeated->at(1)->account_reference.empty());
  std::string record = service_->LastRecord("TokenService.UpdateTokenCard");
  EXPECT_THAT(record, HasSubstr(absl::StrCat("\"profile\":\"", kCards, ",", kLinked, "\"")));

  service_->gate_.Replace(ThePolicyWithout(kLinked, "updates"));
  const auto again = ask();
  ASSERT_OK(again);
  EXPECT_OK(again->at(0));
  EXPECT_THAT(again->at(1), HasReason(Reason::kPolicyDenied));
  record = service_->LastRecord("TokenService.UpdateTokenCard");
  EXPECT_THAT(record, HasSubstr(R"("repetition":"true")"));
  EXPECT_THAT(record, HasSubstr(R"("outcome":"denied","reason":"POLICY_DENIED")"));
}

TEST_P(TokenizerUpdateTest, AnAnswerIsKeptForAsLongAsTheLongestOfTheTokensProfilesSays) {
  const TokenName thrice = service_->TokenOf(kVisa, kThrice);
  const TokenName one = service_->TokenOf(kVisa);
  const auto ask = [&] {
    return service_->UpdateCards({one, thrice}, List(Card(kAmex), Card(kAmex)), kRequest);
  };
  ASSERT_OK(ask());
  ASSERT_OK(service_->Update(one, kMastercard));
  service_->now_ms_ += 31 * 24 * 60 * 60 * 1000LL - 1;
  ASSERT_OK(ask());
  EXPECT_EQ(service_->NumberOf(one), kMastercard);
  service_->now_ms_ += 1;
  ASSERT_OK(ask());
  EXPECT_EQ(service_->NumberOf(one), kAmex);
}

TEST_P(TokenizerUpdateTest, ABatchSucceedsAndFailsItemByItem) {
  const TokenName one = service_->TokenOf(kVisa);
  const TokenName two = Named(service_->TokenOf(kVisa, kNumbers), kNumbers);
  const TokenName legacy =
      Named(service_->Issue(List(Card(kVisa, "", "")), kLegacy)->at(0)->name, kLegacy);
  Service::Tokens tokens = {one,    one, TokenName{"acme", "tok_" + std::string(34, 'a')},
                            legacy, two, Error(Reason::kFieldInvalid, "not a name", "name")};
  std::vector<absl::StatusOr<CardData>> cards =
      List(Card(kAmex), Card(kMastercard), Card(kAmex), Card(kAmex), Card("4111111111111112"),
           Card(kAmex));
  const auto updated = service_->UpdateCards(std::move(tokens), std::move(cards), kRequest);
  ASSERT_OK(updated);
  EXPECT_OK(updated->at(0));
  EXPECT_THAT(updated->at(1), HasReason(Reason::kFieldInvalid));
  EXPECT_THAT(updated->at(2), HasReason(Reason::kTokenNotFound));
  EXPECT_THAT(updated->at(3), HasReason(Reason::kTokenNotFound));
  EXPECT_THAT(updated->at(4), HasReason(Reason::kPanInvalid));
  EXPECT_THAT(updated->at(5), HasReason(Reason::kFieldInvalid));
  EXPECT_EQ(service_->NumberOf(one), kAmex);
  EXPECT_EQ(service_->NumberOf(two), kVisa);
}

TEST_P(TokenizerUpdateTest, ACauseThatPassesUpdatesNothingAndIsNotKept) {
  const TokenName one = service_->TokenOf(kVisa, kBrief);
  const TokenName two = service_->TokenOf(kVisa, kBrief);
  const auto ask = [&] {
    return service_->UpdateCards({one, two}, List(Card(kAmex), Card(kMastercard)), kRequest);
  };
  for (const Reason reason : {Reason::kConflict, Reason::kHsmUnavailable}) {
    service_->keys_.data_seals().Refuse(reason, 1);
    EXPECT_THAT(ask(), HasReason(reason));
    EXPECT_EQ(service_->NumberOf(one), kVisa);
  }
  service_->keys_.data_seals().Refuse(std::nullopt);
  ASSERT_OK(ask());
  EXPECT_EQ(service_->NumberOf(one), kAmex);
  EXPECT_EQ(service_->NumberOf(two), kMastercard);
}

TEST_P(TokenizerUpdateTest, TwoTokensOfABatchDoNotGetOneCard) {
  const TokenName one = service_->TokenOf(kVisa);
  const TokenName two = service_->TokenOf(kAmex);
  const auto updated =
      service_->UpdateCards({one, two}, List(Card(kMastercard), Card(kMastercard)));
  ASSERT_OK(updated);
  EXPECT_OK(updated->at(0));
  EXPECT_THAT(updated->at(1), HasReason(Reason::kCardAlreadyTokenized));
  EXPECT_EQ(service_->NumberOf(two), kAmex);
}

TEST_P(TokenizerUpdateTest, NoCardIsInTheRecord) {
  const TokenName token = service_->TokenOf(kVisa);
  ASSERT_OK(service_->Update(token, kAmex, kRequest));
  const std::string record = service_->LastRecord("TokenService.UpdateTokenCard");
  EXPECT_THAT(record, HasSubstr(token.ToString()));
  EXPECT_THAT(record, HasSubstr(R"("rule":"updates")"));
  EXPECT_THAT(record, HasSubstr(kRequest));
  EXPECT_THAT(record, Not(HasSubstr(std::string(kAmex))));
  EXPECT_THAT(record, Not(HasSubstr("0005")));
}

TEST_P(TokenizerUpdateTest, WhoTriesCardsThatLookAlikeIsStopped) {
  const TokenName token = service_->TokenOf(kVisa);
  int updated = 0;
  for (; updated < 100; ++updated) {
    const auto result = service_->Update(token, LookAlike(updated));
    if (ReasonOf(result.status()) == Reason::kGuessesExhausted) break;
    ASSERT_OK(result);
  }
  EXPECT_EQ(updated, 20);
  // Where each call makes another token no answer tells of a card.
  const TokenName brief = service_->TokenOf(kVisa, kBrief);
  EXPECT_OK(service_->Update(brief, LookAlike(50)));
}

TEST_P(TokenizerUpdateTest, OfManyCallersWhoPutOneCardBehindTheirTokensOneSucceeds) {
  constexpr std::size_t kCallers = 64;
  RandomCards cards;
  SCOPED_TRACE(cards.seed());
  std::vector<TokenName> tokens;
  std::vector<std::string> numbers;
  for (std::size_t i = 0; i < kCallers; ++i) {
    numbers.push_back(cards.Next(16));
    tokens.push_back(service_->TokenOf(numbers.back()));
  }
  const std::string wanted = cards.Next(16);
  std::atomic<std::size_t> done = 0;
  std::atomic<std::size_t> refused = 0;
  std::vector<std::thread> threads;
  for (const TokenName& token : tokens) {
    threads.emplace_back([&, token] {
      const auto result = service_->Update(token, wanted);
      if (result.ok()) ++done;
      if (ReasonOf(result.status()) == Reason::kCardAlreadyTokenized) ++refused;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done, 1u);
  EXPECT_EQ(refused, kCallers - 1);
  std::size_t opening = 0;
  for (std::size_t i = 0; i < kCallers; ++i) {
    const std::string number = service_->NumberOf(tokens[i]);
    if (number == wanted) ++opening;
    EXPECT_TRUE(number == wanted || number == numbers[i]);
  }
  EXPECT_EQ(opening, 1u);
  EXPECT_OK(CheckStore());
}

TEST_P(TokenizerUpdateTest, UpdatesOfOneTokenThatMeetFollowEachOther) {
  constexpr std::size_t kCallers = 64;
  RandomCards cards;
  SCOPED_TRACE(cards.seed());
  const TokenName token = service_->TokenOf(kVisa);
  std::vector<std::string> numbers;
  for (std::size_t i = 0; i < kCallers; ++i) numbers.push_back(cards.Next(16));
  std::atomic<std::size_t> done = 0;
  std::vector<std::thread> threads;
  for (const std::string& number : numbers) {
    threads.emplace_back([&, number] {
      if (service_->Update(token, number).ok()) ++done;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done, kCallers);
  EXPECT_EQ(Rows().front().revision, kCallers + 1);
  const std::string number = service_->NumberOf(token);
  EXPECT_EQ(std::count(numbers.begin(), numbers.end(), number), 1);
  for (const std::string& other : numbers) {
    EXPECT_EQ(service_->TokenOf(other).token == token.token, other == number);
  }
  EXPECT_OK(CheckStore());
}

TEST_P(TokenizerUpdateTest, NoCallThatBeginsAfterAnUpdateSeesTheFormerCard) {
  constexpr int kRounds = 40;
  constexpr int kReaders = 4;
  const TokenName token = service_->TokenOf(kVisa);
  const TokenName other = service_->TokenOf(kMastercard);
  const std::array<std::string, 2> numbers = {std::string(kVisa), std::string(kAmex)};
  for (std::size_t round = 1; round <= kRounds; ++round) {
    const std::string& next = numbers.at(round % 2);
    const std::string& former = numbers.at((round + 1) % 2);
    std::atomic<bool> acknowledged = false;
    std::atomic<int> late = 0;
    std::vector<std::thread> readers;
    for (int i = 0; i < kReaders; ++i) {
      readers.emplace_back([&] {
        for (int left = 3; left > 0;) {
          const bool after = acknowledged;
          const std::string number = service_->NumberOf(token);
          // Keeps the readers' snapshots warm, whoever has them.
          EXPECT_EQ(service_->NumberOf(other), kMastercard);
          if (!after) continue;
          --left;
          if (number != next || service_->TokenOf(next).token != token.token) ++late;
        }
      });
    }
    EXPECT_OK(service_->Update(token, next));
    acknowledged = true;
    for (std::thread& reader : readers) reader.join();
    EXPECT_EQ(late, 0) << round;
    EXPECT_THAT(service_->LookUpOne(former), HasReason(Reason::kCardNotTokenized));
  }
}

TEST(TokenizerUpdateFaultsTest, WithoutARecordNothingChanges) {
  MemoryStore store;
  Service service(store);
  const TokenName token = service.TokenOf(kVisa);
  store.Fail(MemoryStore::Step::kBegin, 1000);
  EXPECT_THAT(service.Update(token, kAmex), HasReason(Reason::kAuditUnavailable));
  store.Heal();
  while (!service.journal_->healthy()) std::this_thread::yield();
  EXPECT_EQ(service.NumberOf(token), kVisa);
}

TEST(TokenizerUpdateFaultsTest, AFormerCardThatIsPutBackIsNoticed) {
  MemoryStore store;
  Service service(store);
  const TokenName token = service.TokenOf(kVisa);
  const store::TokenRow former = store.Snapshot().tokens.begin()->second;
  ASSERT_OK(service.Update(token, kAmex));
  store.Tamper([&](MemoryStore::Rows& rows) {
    store::TokenRow& row = rows.tokens.begin()->second;
    row.sealed = former.sealed;
    row.pan_index = former.pan_index;
    row.index_version = former.index_version;
    row.data_version = former.data_version;
  });
  EXPECT_THAT(service.DetokenizeOne(token), HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(service.Update(token, kMastercard), HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(service.Describe(token), HasReason(Reason::kIntegrityFailure));
}

}  // namespace
}  // namespace keysvc::tokenizer
