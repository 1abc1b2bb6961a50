// Suspended, resumed and deleted tokens.
#include <atomic>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/literal_keys.h"
#include "tests/fakes/memory_store.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/tokenizer/each_store.h"
#include "tests/unit/tokenizer/tokenizing_service.h"
#include "tokenizer/opaque_token.h"
#include "tokenizer/token_row.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::LiteralKey;
using keysvc::testing::MemoryStore;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kRequest[] = "11111111-2222-4333-8444-555555555555";
constexpr TokenState kActive = TokenState::kActive;
constexpr TokenState kSuspended = TokenState::kSuspended;
constexpr TokenState kDeleted = TokenState::kDeleted;

class TokenStateTest : public EachStoreTest {};

WITH_EACH_STORE(TokenStateTest);

TEST_P(TokenStateTest, ASuspendedTokenDoesNotOpenUntilItIsResumed) {
  const TokenName token = service_->TokenOf(kVisa);
  ASSERT_OK(service_->DetokenizeOne(token));
  ASSERT_OK(service_->Change(token, kSuspended));
  EXPECT_THAT(service_->DetokenizeOne(token), HasReason(Reason::kTokenSuspended));
  const std::string record = service_->LastRecord("TokenService.Detokenize");
  EXPECT_THAT(record, HasSubstr("TOKEN_SUSPENDED"));
  EXPECT_THAT(record, HasSubstr(token.ToString()));
  EXPECT_THAT(record, Not(HasSubstr("reveal")));
  const auto view = service_->Describe(token);
  ASSERT_OK(view);
  EXPECT_EQ(view->state, kSuspended);
  EXPECT_EQ(view->masked_pan, "************1111");

  ASSERT_OK(service_->Change(token, kActive));
  EXPECT_OK(service_->DetokenizeOne(token));
  EXPECT_EQ(service_->Describe(token)->state, kActive);
}

TEST_P(TokenStateTest, ADeletedTokenNeverOpensAgainAndNothingOfItsCardIsLeft) {
  const TokenName token = service_->TokenOf(kVisa);
  ASSERT_OK(service_->Change(token, kDeleted));
  EXPECT_THAT(service_->DetokenizeOne(token), HasReason(Reason::kTokenDeleted));
  EXPECT_THAT(service_->Change(token, kActive), HasReason(Reason::kTokenDeleted));
  EXPECT_THAT(service_->Change(token, kSuspended), HasReason(Reason::kTokenDeleted));
  EXPECT_OK(service_->Change(token, kDeleted));
  EXPECT_THAT(service_->DetokenizeOne(token), HasReason(Reason::kTokenDeleted));
  const auto view = service_->Describe(token);
  ASSERT_OK(view);
  EXPECT_EQ(view->state, kDeleted);
  EXPECT_EQ(view->profile, kCards);
  EXPECT_EQ(view->masked_pan, "");
  EXPECT_FALSE(view->expiry.has_value());
  EXPECT_EQ(view->data_key_version, 0u);
  EXPECT_EQ(view->created, absl::FromUnixMillis(1'700'000'000'000));
  const std::vector<store::TokenRow> rows = Rows();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].pan_index, "");
  EXPECT_EQ(rows[0].sealed, std::string("\1\0\0\0\1", 5));
}

TEST_P(TokenStateTest, ACardWhoseTokenWasDeletedGetsAnotherThatTheOldOneDoesNotOpen) {
  const TokenName old = service_->TokenOf(kVisa);
  ASSERT_OK(service_->Change(old, kDeleted));
  const TokenName next = service_->TokenOf(kVisa);
  EXPECT_NE(next.token, old.token);
  EXPECT_EQ(service_->TokenOf(kVisa).token, next.token);
  EXPECT_OK(service_->DetokenizeOne(next));
  EXPECT_THAT(service_->DetokenizeOne(old), HasReason(Reason::kTokenDeleted));
  EXPECT_EQ(Rows().size(), 2u);
}

TEST_P(TokenStateTest, ACardWhoseTokenIsSuspendedKeepsThatToken) {
  const TokenName token = service_->TokenOf(kVisa);
  ASSERT_OK(service_->Change(token, kSuspended));
  EXPECT_EQ(service_->TokenOf(kVisa).token, token.token);
  EXPECT_EQ(Rows().size(), 1u);
  EXPECT_THAT(service_->DetokenizeOne(token), HasReason(Reason::kTokenSuspended));
}

TEST_P(TokenStateTest, ABatchSucceedsAndFailsItemByItem) {
  const TokenName active = service_->TokenOf(kVisa);
  const TokenName deleted = service_->TokenOf(kAmex);
  ASSERT_OK(service_->Change(deleted, kDeleted));
  std::string typo = active.token;
  typo[20] = typo[20] == 'a' ? 'b' : 'a';
  Service::Tokens tokens;
  tokens.push_back(TokenName{"acme", typo});
  tokens.push_back(Error(Reason::kFieldInvalid, "not a name", "names"));
  tokens.push_back(service_->TokenOf(kVisa, kOneTime));
  tokens.push_back(service_->TokenOf(kVisa, "tenants/beta/tokenProfiles/cards"));
  tokens.push_back(deleted);
  tokens.push_back(active);
  const auto changes = service_->ChangeState(std::move(tokens), kSuspended);
  ASSERT_OK(changes);
  ASSERT_EQ(changes->size(), 6u);
  EXPECT_THAT((*changes)[0], HasReason(Reason::kTokenNotFound));
  EXPECT_THAT((*changes)[1], HasReason(Reason::kFieldInvalid));
  EXPECT_THAT((*changes)[2], HasReason(Reason::kPolicyDenied));
  EXPECT_THAT((*changes)[3], HasReason(Reason::kTokenNotFound));
  EXPECT_THAT((*changes)[4], HasReason(Reason::kTokenDeleted));
  EXPECT_OK((*changes)[5]);
  EXPECT_THAT(service_->DetokenizeOne(active), HasReason(Reason::kTokenSuspended));
  const std::string record = service_->LastRecord("TokenService.SuspendToken");
  EXPECT_THAT(record, Not(HasSubstr(typo)));
  EXPECT_THAT(record, HasSubstr(R"("state_after":"deleted","state_before":"deleted")"));
}

TEST_P(TokenStateTest, ARecordSaysWhoChangedWhatFromWhichStateToWhich) {
  const TokenName token = service_->TokenOf(kVisa);
  ASSERT_OK(service_->Change(token, kSuspended));
  const std::string record = service_->LastRecord("TokenService.SuspendToken");
  for (const std::string& fact :
       {std::string("\"risk\""), std::string("spiffe://x/risk"), std::string(kCards),
        std::string("\"ends\""), std::string("\"trace\""), token.ToString(),
        std::string(R"("state_after":"suspended","state_before":"active")")}) {
    EXPECT_THAT(record, HasSubstr(fact));
  }
  ASSERT_OK(service_->Change(token, kSuspended));
  EXPECT_THAT(service_->LastRecord("TokenService.SuspendToken"),
              HasSubstr(R"("state_after":"suspended","state_before":"suspended")"));
  EXPECT_EQ(Rows()[0].revision, 2u);
  ASSERT_OK(service_->Change(token, kActive));
  EXPECT_THAT(service_->LastRecord("TokenService.ResumeToken"),
              HasSubstr(R"("state_after":"active","state_before":"suspended")"));
  ASSERT_OK(service_->Change(token, kDeleted));
  EXPECT_THAT(service_->LastRecord("TokenService.DeleteToken"),
              HasSubstr(R"("state_after":"deleted","state_before":"active")"));
}

TEST_P(TokenStateTest, ATokenThatABatchNamesTwiceIsChangedOnce) {
  const TokenName token = service_->TokenOf(kVisa);
  const auto changes = service_->ChangeState({token, token}, kSuspended);
  ASSERT_OK(changes);
  EXPECT_OK((*changes)[0]);
  EXPECT_OK((*changes)[1]);
  EXPECT_EQ(Rows()[0].revision, 2u);
}

TEST_P(TokenStateTest, ARepeatedRequestGetsItsAnswerAndChangesNothingAgain) {
  const TokenName token = service_->TokenOf(kVisa);
  const Service::Tokens both = {token, TokenName{"acme", "tok_x"},
                                Error(Reason::kFieldInvalid, "not a name", "names")};
  ASSERT_OK(service_->ChangeState(both, kSuspended, kRequest));
  ASSERT_OK(service_->Change(token, kActive));
  const auto again = service_->ChangeState(both, kSuspended, kRequest);
  ASSERT_OK(again);
  EXPECT_OK((*again)[0]);
  EXPECT_THAT((*again)[1], HasReason(Reason::kTokenNotFound));
  EXPECT_THAT((*again)[2], HasReason(Reason::kFieldInvalid));
  EXPECT_OK(service_->DetokenizeOne(token));
  EXPECT_THAT(service_->LastRecord("TokenService.SuspendToken"),
              HasSubstr("\"repetition\":\"true\""));
  EXPECT_THAT(service_->ChangeState({token}, kSuspended, kRequest),
              HasReason(Reason::kRequestIdReused));
  EXPECT_THAT(service_->ChangeState(both, kDeleted, kRequest), HasReason(Reason::kRequestIdReused));
  EXPECT_OK(service_->DetokenizeOne(token));
}

TEST_P(TokenStateTest, AnItemThatWasRefusedBesideOthersIsRefusedAgainAndTheyAreNotChangedAgain) {
  const TokenName token = service_->TokenOf(kVisa);
  const Service::Tokens both = {token, service_->TokenOf(kVisa, kOneTime)};
  ASSERT_OK(service_->ChangeState(both, kSuspended, kRequest));
  ASSERT_OK(service_->Change(token, kActive));
  const auto again = service_->ChangeState(both, kSuspended, kRequest);
  ASSERT_OK(again);
  EXPECT_OK((*again)[0]);
  EXPECT_THAT((*again)[1], HasReason(Reason::kPolicyDenied));
  EXPECT_OK(service_->DetokenizeOne(token));
}

TEST_P(TokenStateTest, ARepetitionIsDecidedAnewForTheProfileOfEachToken) {
  const TokenName card = service_->TokenOf(kVisa);
  TokenName number = service_->TokenOf(kVisa, kNumbers);
  number.profile = kNumbers;
  const auto ask = [&] { return service_->ChangeState({card, number}, kSuspended, kRequest); };
  ASSERT_OK(ask());
  ASSERT_OK(ask());
  std::string record = service_->LastRecord("TokenService.SuspendToken");
  EXPECT_THAT(record, HasSubstr(R"("repetition":"true")"));
  EXPECT_THAT(record, HasSubstr(absl::StrCat("\"profile\":\"", kCards, ",", kNumbers, "\"")));
  EXPECT_THAT(record, HasSubstr(number.ToString()));

  service_->gate_.Replace(ThePolicyWithout(kNumbers, "ends"));
  const auto again = ask();
  ASSERT_OK(again);
  EXPECT_OK((*again)[0]);
  EXPECT_THAT((*again)[1], HasReason(Reason::kPolicyDenied));
  record = service_->LastRecord("TokenService.SuspendToken");
  EXPECT_THAT(record, HasSubstr(R"("outcome":"denied","reason":"POLICY_DENIED")"));
  EXPECT_THAT(record, Not(HasSubstr(number.ToString())));
}

TEST_P(TokenStateTest, AnAnswerIsKeptForAsLongAsTheTokensProfileSays) {
  const TokenName token = service_->TokenOf(kVisa, kThrice);
  ASSERT_OK(service_->Change(token, kSuspended, kRequest));
  ASSERT_OK(service_->Change(token, kActive));
  service_->now_ms_ += 31 * 24 * 60 * 60 * 1000LL - 1;
  ASSERT_OK(service_->Change(token, kSuspended, kRequest));
  EXPECT_EQ(service_->Describe(token)->state, kActive);
  service_->now_ms_ += 1;
  ASSERT_OK(service_->Change(token, kSuspended, kRequest));
  EXPECT_EQ(service_->Describe(token)->state, kSuspended);
}

TEST_P(TokenStateTest, ACauseThatPassesChangesNothing) {
  const TokenName token = service_->TokenOf(kVisa);
  EXPECT_THAT(service_->ChangeState({token, Error(Reason::kLockedMemory, "")}, kSuspended),
              HasReason(Reason::kLockedMemory));
  EXPECT_OK(service_->DetokenizeOne(token));
}

TEST_P(TokenStateTest, APermitChangesNothingElse) {
  const TokenName token = service_->TokenOf(kVisa);
  std::promise<Reason> reason;
  service_->tokenizer_->ChangeState(
      service_->PermitFor("risk", policy::Action::kSuspendToken, "tenants/acme/tokens"), "acme",
      {token}, kDeleted, {}, [&reason](auto recorded) {
        ASSERT_OK(recorded);
        reason.set_value(ReasonOf(recorded->value.status()).value());
      });
  EXPECT_EQ(reason.get_future().get(), Reason::kInternal);
  EXPECT_OK(service_->DetokenizeOne(token));
}

TEST_P(TokenStateTest, TokensOfDigitsHaveNoState) {
  const auto made = service_->Tokenize(List(Card(kVisa, "", "")), kLegacy);
  ASSERT_OK(made);
  const TokenName token = *made->at(0);
  for (const TokenState state : {kSuspended, kActive, kDeleted}) {
    EXPECT_THAT(service_->Change(token, state), HasReason(Reason::kTokenNotFound));
    TokenName named = token;
    named.profile = kLegacy;
    EXPECT_THAT(service_->Change(named, state), HasReason(Reason::kTokenNotFound));
  }
}

// A store that is put back gives handles again; the restoration has rotated the token key.
TEST_P(TokenStateTest, ATokenFromBeforeARestorationChangesNothing) {
  const auto old_key = service_->keys_.TokenKey("acme", 1);
  service_->keys_.RotateTokenKey();
  const TokenName later = service_->TokenOf(kVisa);
  const auto handle =
      DecodeOpaqueToken(later.token, "acme", **service_->keys_.TokenKey("acme", 2))->handle;
  const TokenName before{"acme", EncodeOpaqueToken({handle, 1}, "acme", 1, **old_key)};
  EXPECT_THAT(service_->Change(before, kDeleted), HasReason(Reason::kTokenNotFound));
  EXPECT_OK(service_->DetokenizeOne(later));
  ASSERT_OK(service_->Change(later, kDeleted));
  EXPECT_THAT(service_->DetokenizeOne(before), HasReason(Reason::kTokenNotFound));
  EXPECT_THAT(service_->DetokenizeOne(later), HasReason(Reason::kTokenDeleted));
}

// Of a record's text, all that follow the member.
std::string Member(const std::string& record, const std::string& member) {
  const std::size_t at = record.find("\"" + member + "\":\"");
  if (at == std::string::npos) return {};
  const std::size_t begin = at + member.size() + 4;
  return record.substr(begin, record.find('"', begin) - begin);
}

TEST_P(TokenStateTest, RacingChangesFollowEachOtherOneByOne) {
  constexpr int kCallers = 64;
  const TokenName token = service_->TokenOf(kVisa);
  std::vector<std::thread> threads;
  std::atomic<int> failed = 0;
  for (int i = 0; i < kCallers; ++i) {
    threads.emplace_back([&, i] {
      if (!service_->Change(token, i % 2 == 0 ? kSuspended : kActive).ok()) ++failed;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  std::string state = "active";
  std::uint64_t revision = 1;
  std::size_t records = 0;
  for (const std::string& record : service_->RecordsOf("\"TokenService.")) {
    const std::string before = Member(record, "state_before");
    if (before.empty()) continue;
    ++records;
    const std::string after = Member(record, "state_after");
    // One that found its state already says what was so at some moment of its call.
    if (after == before) continue;
    EXPECT_EQ(before, state);
    state = after;
    ++revision;
  }
  EXPECT_EQ(records, static_cast<std::size_t>(kCallers));
  EXPECT_GT(revision, 1u);
  const store::TokenRow row = Rows()[0];
  EXPECT_EQ(row.revision, revision);
  EXPECT_EQ(NameOf(StateOf(row)), state);
}

TEST_P(TokenStateTest, NoCallThatBeginsAfterASuspensionOpensTheToken) {
  constexpr int kRounds = 40;
  constexpr int kReaders = 6;
  const TokenName other = service_->TokenOf(kAmex);
  for (int round = 0; round < kRounds; ++round) {
    const TokenName token = service_->TokenOf(kVisa);
    std::atomic<bool> acknowledged = false;
    std::atomic<int> after = 0;
    std::atomic<int> opened_after = 0;
    std::vector<std::thread> readers;
    for (int i = 0; i < kReaders; ++i) {
      readers.emplace_back([&] {
        for (int left = 3; left > 0;) {
          const bool late = acknowledged;
          const auto card = service_->DetokenizeOne(token);
          // Keeps the readers' snapshots warm, whoever has them.
          EXPECT_OK(service_->DetokenizeOne(other));
          if (!late) continue;
          --left;
          ++after;
          if (card.ok()) ++opened_after;
        }
      });
    }
    EXPECT_OK(service_->Change(token, round % 2 == 0 ? kSuspended : kDeleted));
    acknowledged = true;
    for (std::thread& reader : readers) reader.join();
    EXPECT_EQ(opened_after, 0);
    EXPECT_EQ(after, 3 * kReaders);
    EXPECT_OK(service_->Change(token, kDeleted));
  }
}

TEST(TokenStateFaultsTest, WithoutARecordNothingChanges) {
  MemoryStore store;
  Service service(store);
  const TokenName token = service.TokenOf(kVisa);
  store.Fail(MemoryStore::Step::kBegin, 1000);
  EXPECT_THAT(service.Change(token, kDeleted), HasReason(Reason::kAuditUnavailable));
  store.Heal();
  EXPECT_EQ(store.Snapshot().tokens.begin()->second.revision, 1u);
}

TEST(TokenStateFaultsTest, ATamperedRowIsNotChangedAndNotDescribed) {
  MemoryStore store;
  Service service(store);
  const TokenName token = service.TokenOf(kVisa);
  ASSERT_OK(service.Change(token, kSuspended));
  store.Tamper([](MemoryStore::Rows& rows) { rows.tokens.begin()->second.state = 1; });
  EXPECT_THAT(service.DetokenizeOne(token), HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(service.Change(token, kActive), HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(service.Change(token, kDeleted), HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(service.Describe(token), HasReason(Reason::kIntegrityFailure));
}

TEST(TokenStateFaultsTest, KeysThatAreAwayFailTheCallAndAreRecorded) {
  MemoryStore store;
  Service service(store);
  const TokenName token = service.TokenOf(kVisa);
  service.keys_.Fail(Reason::kHsmUnavailable);
  EXPECT_THAT(service.Change(token, kSuspended), HasReason(Reason::kHsmUnavailable));
  EXPECT_THAT(service.LastRecord("TokenService.SuspendToken"), HasSubstr("HSM_UNAVAILABLE"));
  service.keys_.Heal();
  EXPECT_OK(service.DetokenizeOne(token));
}

// Changes the first row before every commit, as another writer does who comes in between.
class OvertakingStore : public MemoryStore {
 public:
  std::atomic<bool> overtake = false;

  absl::StatusOr<std::vector<std::optional<store::TokenRow>>> FindTokens(
      std::span<const std::int64_t> handles) override {
    auto found = MemoryStore::FindTokens(handles);
    if (overtake) {
      Tamper([this](Rows& rows) {
        store::TokenRow& row = rows.tokens.begin()->second;
        row = InState(kActive, row, *mac_);
      });
    }
    return found;
  }

 private:
  const std::unique_ptr<crypto::HmacSha256> mac_ =
      *crypto::HmacSha256::Create(LiteralKey("row mac acme"));
};

TEST(TokenStateConflictTest, ACallThatIsAlwaysOvertakenGivesUpAndSaysSo) {
  OvertakingStore store;
  Service service(store);
  const TokenName token = service.TokenOf(kVisa);
  store.overtake = true;
  EXPECT_THAT(service.Change(token, kSuspended), HasReason(Reason::kConflict));
  EXPECT_THAT(service.LastRecord("TokenService.SuspendToken"), HasSubstr("CONFLICT"));
}

}  // namespace
}  // namespace keysvc::tokenizer
