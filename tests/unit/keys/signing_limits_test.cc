// How much callers and keys may sign in a time.
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <future>
#include <latch>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "crypto/digest.h"
#include "gtest/gtest.h"
#include "http/message.h"
#include "keysvc/keys/cose_signature.h"
#include "keysvc/keys/csr_signature.h"
#include "keysvc/keys/digest_signature.h"
#include "keysvc/keys/http_signature.h"
#include "keysvc/keys/jws_signature.h"
#include "keysvc/keys/message_signature.h"
#include "keysvc/keys/webhook_signature.h"
#include "policy/limits.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/keys/key_world.h"
#include "tests/unit/keys/signing_fixture.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::HsmVerb;
using keysvc::testing::kAnother;
using keysvc::testing::kCaller;
using keysvc::testing::LastCall;

constexpr char kRequestId[] = "5c1b7f6a-58c5-4c1b-8d7e-0a8a4d0e2c11";

std::shared_ptr<const SignatureFormat> Message(std::string text = "pay") {
  return std::make_shared<MessageSignature>(std::move(text), SignatureEncoding::kDer,
                                            RsaPadding::kPss);
}

class SigningLimitsTest : public SigningTest {
 protected:
  void SetUp() override {
    SigningTest::SetUp();
    ASSERT_OK(world_.Create(kKey, {}));
    ASSERT_OK(world_.Create(kOther, {}));
  }

  void OfCallers(std::vector<policy::Budget> signatures) {
    policy::Limits limits;
    limits.signatures = std::move(signatures);
    world_.SetLimits(limits);
  }
  void OfKeys(std::vector<policy::Budget> signatures) {
    policy::Limits limits;
    limits.key_signatures = std::move(signatures);
    world_.SetLimits(limits);
  }
  // As after a SIGKILL.
  void Restart() {
    Close();
    ASSERT_OK(world_.Restart());
    Open();
    ASSERT_OK(signer_->CountRecords(*world_.policy()));
  }

  absl::StatusOr<Signature> SignOnce(const KeyName& key, std::string_view who = kCaller,
                                     const std::string& request_id = {}) {
    return SignAs(who, {key, Message(), request_id, {}});
  }
  absl::StatusOr<Signature> SignOnce() { return SignOnce(kKey); }

  BatchSignRequest Batch(const std::vector<std::string>& messages) const {
    BatchSignRequest batch;
    batch.key = kKey;
    for (const std::string& message : messages) batch.formats.push_back(Message(message));
    return batch;
  }

  const KeyName kKey{"acme", "bank"};
  const KeyName kOther{"acme", "orders"};
};

TEST_F(SigningLimitsTest, ACallerOfARuleSignsAsOftenAsEachOfItsWindowsLets) {
  OfCallers({{3, absl::Minutes(10)}, {5, absl::Hours(2)}});
  for (int i = 0; i < 3; ++i) EXPECT_OK(SignOnce());
  EXPECT_THAT(SignOnce(), HasReason(Reason::kSignaturesExhausted));
  world_.Advance(absl::Minutes(9));
  EXPECT_THAT(SignOnce(), HasReason(Reason::kSignaturesExhausted));
  world_.Advance(absl::Minutes(2));
  for (int i = 0; i < 2; ++i) EXPECT_OK(SignOnce());
  EXPECT_THAT(SignOnce(), HasReason(Reason::kSignaturesExhausted));
  world_.Advance(absl::Minutes(100));
  EXPECT_THAT(SignOnce(), HasReason(Reason::kSignaturesExhausted));
  world_.Advance(absl::Minutes(10));
  for (int i = 0; i < 3; ++i) EXPECT_OK(SignOnce());
  EXPECT_THAT(SignOnce(), HasReason(Reason::kSignaturesExhausted));
}

TEST_F(SigningLimitsTest, WhatIsUsedUpComesFreeWhereverTheWallClockIsSet) {
  OfCallers({{1, absl::Hours(1)}});
  EXPECT_OK(SignOnce());
  world_.JumpWallClock(absl::Hours(3));
  EXPECT_THAT(SignOnce(), HasReason(Reason::kSignaturesExhausted));
  world_.JumpWallClock(-absl::Hours(2));
  EXPECT_THAT(SignOnce(), HasReason(Reason::kSignaturesExhausted));
  world_.Advance(absl::Minutes(62));
  EXPECT_OK(SignOnce());
}

TEST_F(SigningLimitsTest, ACallerHasItsSignaturesForAllKeysAndNobodyElses) {
  OfCallers({{2, absl::Hours(1)}});
  EXPECT_OK(SignOnce(kKey));
  EXPECT_OK(SignOnce(kOther));
  EXPECT_THAT(SignOnce(kKey), HasReason(Reason::kSignaturesExhausted));
  EXPECT_THAT(SignOnce(kOther), HasReason(Reason::kSignaturesExhausted));
  EXPECT_OK(SignOnce(kKey, kAnother));
}

TEST_F(SigningLimitsTest, AKeyHasItsSignaturesForAllCallersAndNoOtherKeys) {
  OfKeys({{3, absl::Hours(1)}});
  EXPECT_OK(SignOnce(kKey));
  EXPECT_OK(SignOnce(kKey));
  EXPECT_OK(SignOnce(kKey, kAnother));
  EXPECT_THAT(SignOnce(kKey, kAnother), HasReason(Reason::kSignaturesExhausted));
  EXPECT_THAT(SignOnce(kKey), HasReason(Reason::kSignaturesExhausted));
  EXPECT_OK(SignOnce(kOther));
  // The next version is the same key.
  ASSERT_OK(world_.Rotate(kKey));
  EXPECT_THAT(SignOnce(kKey), HasReason(Reason::kSignaturesExhausted));
}

TEST_F(SigningLimitsTest, TheTighterOfBothDecidesAndWhatOneRefusesTakesNothingOfTheOther) {
  world_.SetLimits(
      {.signatures = {{3, absl::Hours(1)}}, .key_signatures = {{2, absl::Minutes(10)}}});
  EXPECT_OK(SignOnce());
  EXPECT_OK(SignOnce());
  for (int i = 0; i < 5; ++i) EXPECT_THAT(SignOnce(), HasReason(Reason::kSignaturesExhausted));
  world_.Advance(absl::Minutes(11));
  EXPECT_OK(SignOnce());
  for (int i = 0; i < 5; ++i) EXPECT_THAT(SignOnce(), HasReason(Reason::kSignaturesExhausted));
  EXPECT_OK(SignOnce(kKey, kAnother));
  EXPECT_THAT(SignOnce(kKey, kAnother), HasReason(Reason::kSignaturesExhausted));
}

TEST_F(SigningLimitsTest, EveryFormatTakesOneAndACertificateRequestNone) {
  const auto key_for = [this](Purpose purpose, Algorithm algorithm, const char* name) {
    const KeyName key{"acme", name};
    EXPECT_OK(world_.Create(key, {purpose, algorithm, Protection::kHsm, kYear}));
    return key;
  };
  http::Message post;
  post.method = "POST";
  post.scheme = "https";
  post.authority = "bank.example";
  post.path = "/payments";
  HttpSignatureOptions covering;
  covering.components = {"@method", "@target-uri"};
  const std::vector<SignRequest> all = {
      {kKey, Message(), {}, {}},
      {kKey,
       std::make_shared<DigestSignature>(crypto::HashOf(crypto::HashAlgorithm::kSha256, "pay"),
                                         SignatureEncoding::kDer, RsaPadding::kPss),
       {},
       {}},
      {key_for(Purpose::kJws, Algorithm::kEcP256, "statements"),
       std::make_shared<JwsSignature>("{}", JwsOptions{}),
       {},
       {}},
      {key_for(Purpose::kHttp, Algorithm::kEcP256, "requests"),
       std::make_shared<HttpSignature>(post, covering),
       {},
       {}},
      {key_for(Purpose::kWebhook, Algorithm::kEd25519, "hooks"),
       std::make_shared<WebhookSignature>("evt_1", "{}"),
       {},
       {}},
      {key_for(Purpose::kCose, Algorithm::kEcP256, "receipts"),
       std::make_shared<CoseSignature>("paid", CoseOptions{}),
       {},
       {}},
  };
  OfCallers({{static_cast<std::uint32_t>(all.size()), absl::Hours(1)}});
  const SignRequest csr{
      kKey, std::make_shared<CsrSignature>(crypto::CertificateSubject{"acme.example"}, 0), {}, {}};
  EXPECT_OK(Sign(csr));
  for (const SignRequest& request : all) EXPECT_OK(Sign(request)) << request.format->method();
  for (const SignRequest& request : all) {
    EXPECT_THAT(Sign(request), HasReason(Reason::kSignaturesExhausted)) << request.format->method();
  }
  EXPECT_OK(Sign(csr));
  Restart();
  for (const SignRequest& request : all) {
    EXPECT_THAT(Sign(request), HasReason(Reason::kSignaturesExhausted)) << request.format->method();
  }
}

TEST_F(SigningLimitsTest, ABatchSignsItsFirstMessagesWhateverTheOrderOfItsPieces) {
  OfCallers({{3, absl::Hours(1)}});
  const InTurn backwards = [](Pieces pieces) {
    std::reverse(pieces.begin(), pieces.end());
    OneByOne(std::move(pieces));
  };
  const auto signatures = SignBatch(Batch({"a", "", "b", "c", "d", "e"}), backwards);
  ASSERT_OK(signatures);
  EXPECT_OK(signatures->at(0));
  EXPECT_THAT(signatures->at(1), HasReason(Reason::kFieldRequired));
  EXPECT_OK(signatures->at(2));
  EXPECT_OK(signatures->at(3));
  EXPECT_THAT(signatures->at(4), HasReason(Reason::kSignaturesExhausted));
  EXPECT_THAT(signatures->at(5), HasReason(Reason::kSignaturesExhausted));
  EXPECT_EQ(LastCall(world_.store).outcome, "success");
  const auto none = SignBatch(Batch({"a", "b"}));
  ASSERT_OK(none);
  for (const auto& one : *none) EXPECT_THAT(one, HasReason(Reason::kSignaturesExhausted));
  EXPECT_EQ(LastCall(world_.store).outcome, "denied");
}

TEST_F(SigningLimitsTest, WhatIsRefusedInABatchIsSignedWhenItIsRepeatedLater) {
  OfCallers({{2, absl::Minutes(10)}});
  BatchSignRequest batch = Batch({"a", "b", "c"});
  batch.request_id = kRequestId;
  const auto first = SignBatch(batch);
  ASSERT_OK(first);
  EXPECT_THAT(first->at(2), HasReason(Reason::kSignaturesExhausted));
  OfCallers({{5, absl::Minutes(10)}});
  const auto second = SignBatch(batch);
  ASSERT_OK(second);
  for (const auto& one : *second) EXPECT_OK(one);
  EXPECT_THAT(SignOnce(), HasReason(Reason::kSignaturesExhausted));
}

TEST_F(SigningLimitsTest, ARepetitionTakesNothingAndIsAnsweredAlsoWhenAllIsUsedUp) {
  OfCallers({{2, absl::Hours(1)}});
  const auto first = SignOnce(kKey, kCaller, kRequestId);
  ASSERT_OK(first);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(SignOnce(kKey, kCaller, kRequestId)->bytes, first->bytes);
  EXPECT_OK(SignOnce());
  EXPECT_THAT(SignOnce(), HasReason(Reason::kSignaturesExhausted));
  EXPECT_EQ(SignOnce(kKey, kCaller, kRequestId)->bytes, first->bytes);
}

TEST_F(SigningLimitsTest, WhatIsNotSignedTakesNothing) {
  const KeyName few{"acme", "few"};
  KeyParameters ceiling;
  ceiling.max_signatures = 1;
  ASSERT_OK(world_.Create(few, ceiling));
  ASSERT_OK(SignOnce(few, kAnother));
  world_.SetLimits({.signatures = {{1, absl::Hours(1)}}, .key_signatures = {{2, absl::Hours(1)}}});
  EXPECT_THAT(SignOnce(few), HasReason(Reason::kKeyUsesExhausted));
  world_.hsm.FailNext(HsmVerb::kSign, Error(Reason::kHsmFailure, "the token refused"));
  EXPECT_THAT(SignOnce(), HasReason(Reason::kHsmFailure));
  world_.hsm.FailNext(HsmVerb::kSign, Error(Reason::kHsmUnavailable, "the token is away"));
  EXPECT_THAT(SignOnce(), HasReason(Reason::kHsmUnavailable));
  EXPECT_THAT(Sign({kKey, Message(""), {}, {}}), HasReason(Reason::kFieldRequired));
  EXPECT_THAT(Sign({kKey, std::make_shared<JwsSignature>("{}", JwsOptions{}), {}, {}}),
              HasReason(Reason::kKeyPurposeMismatch));
  EXPECT_THAT(SignOnce({"acme", "none"}), HasReason(Reason::kKeyNotFound));
  EXPECT_OK(SignOnce());
  EXPECT_THAT(SignOnce(), HasReason(Reason::kSignaturesExhausted));
}

TEST_F(SigningLimitsTest, ThePlaceOfAMessageThatTheHsmFailsIsGivenBackWithTheAnswer) {
  OfCallers({{3, absl::Hours(1)}});
  world_.hsm.FailNext(HsmVerb::kSign, Error(Reason::kHsmFailure, "the token refused"));
  const auto signatures = SignBatch(Batch({"a", "b", "c", "d"}));
  ASSERT_OK(signatures);
  EXPECT_THAT(signatures->at(0), HasReason(Reason::kHsmFailure));
  EXPECT_OK(signatures->at(1));
  EXPECT_OK(signatures->at(2));
  EXPECT_THAT(signatures->at(3), HasReason(Reason::kSignaturesExhausted));
  EXPECT_OK(SignOnce());
  EXPECT_THAT(SignOnce(), HasReason(Reason::kSignaturesExhausted));
}

TEST_F(SigningLimitsTest, WhatIsBeingSignedCountsAgainstOthersUntilItHasFailed) {
  OfKeys({{2, absl::Hours(1)}});
  Pieces waiting;
  std::promise<void> answered;
  signer_->SignBatch(
      world_.PermitFor(policy::Action::kSign, kKey.ToString(), kAnother), Batch({"a", "b"}),
      [&waiting](Pieces pieces) { waiting = std::move(pieces); },
      [&answered](const auto&) { answered.set_value(); });
  EXPECT_THAT(SignOnce(), HasReason(Reason::kSignaturesExhausted));
  world_.hsm.FailNext(HsmVerb::kSign, Error(Reason::kHsmFailure, "the token refused"));
  OneByOne(std::move(waiting));
  answered.get_future().wait();
  EXPECT_OK(SignOnce());
  EXPECT_THAT(SignOnce(), HasReason(Reason::kSignaturesExhausted));
}

TEST_F(SigningLimitsTest, TheRefusalIsADenialInTheLogAndTakesNothingFromACeiling) {
  const KeyName few{"acme", "few"};
  KeyParameters ceiling;
  ceiling.max_signatures = 100;
  ASSERT_OK(world_.Create(few, ceiling));
  OfCallers({{1, absl::Hours(1)}});
  EXPECT_OK(SignOnce(few));
  const std::size_t signed_in_hsm = world_.hsm.calls(HsmVerb::kSign);
  for (int i = 0; i < 3; ++i) EXPECT_THAT(SignOnce(few), HasReason(Reason::kSignaturesExhausted));
  EXPECT_EQ(world_.hsm.calls(HsmVerb::kSign), signed_in_hsm);
  EXPECT_EQ(world_.registry().Versions(few)->front().uses, 1U);
  const auto record = LastCall(world_.store);
  EXPECT_EQ(record.action, "SigningService.Sign");
  EXPECT_EQ(record.outcome, "denied");
  EXPECT_EQ(record.reason, "SIGNATURES_EXHAUSTED");
  EXPECT_EQ(record.actor, kCaller);
  EXPECT_EQ(record.resource, few.ToString());
}

TEST_F(SigningLimitsTest, SixtyFourCallersAtOnceNeverPassIt) {
  world_.SetLimits(
      {.signatures = {{40, absl::Hours(1)}}, .key_signatures = {{60, absl::Hours(1)}}});
  // Nothing is signed before each of them is about to sign, or was refused all that it asked for.
  static thread_local bool begun = false;
  std::latch all_begun(64);
  world_.hsm.BeforeEach(HsmVerb::kSign, [&all_begun] {
    if (!std::exchange(begun, true)) all_begun.arrive_and_wait();
  });
  std::atomic<int> of_caller = 0;
  std::atomic<int> of_another = 0;
  {
    std::vector<std::jthread> callers;
    for (std::size_t i = 0; i < 64; ++i) {
      callers.emplace_back([&, i] {
        const bool first = i % 2 == 0;
        for (int n = 0; n < 4; ++n) {
          const auto signatures = SignBatch(Batch(std::vector<std::string>(i % 3 + 1, "pay")),
                                            OneByOne, first ? kCaller : kAnother);
          for (const auto& one : *signatures) {
            if (one.ok()) {
              ++(first ? of_caller : of_another);
            } else {
              EXPECT_THAT(one, HasReason(Reason::kSignaturesExhausted));
            }
          }
        }
        if (!begun) all_begun.count_down();
      });
    }
  }
  world_.hsm.Heal();
  EXPECT_EQ(of_caller + of_another, 60);
  EXPECT_LE(of_caller, 40);
  EXPECT_LE(of_another, 40);
  EXPECT_OK(SignOnce(kOther, of_caller < 40 ? kCaller : kAnother));
}

TEST_F(SigningLimitsTest, ARestartGivesNothingBack) {
  world_.SetLimits({.signatures = {{6, absl::Hours(24)}}, .key_signatures = {{7, absl::Hours(1)}}});
  EXPECT_OK(SignOnce());
  Restart();
  ASSERT_OK(SignOnce(kKey, kCaller, kRequestId));
  ASSERT_OK(SignOnce(kKey, kCaller, kRequestId));
  const auto batch = SignBatch(Batch({"a", "", "b"}));
  ASSERT_OK(batch);
  EXPECT_OK(batch->at(2));
  Restart();
  EXPECT_OK(SignOnce());
  EXPECT_OK(SignOnce());
  EXPECT_THAT(SignOnce(), HasReason(Reason::kSignaturesExhausted));
  Restart();
  EXPECT_THAT(SignOnce(kOther), HasReason(Reason::kSignaturesExhausted));
  EXPECT_OK(SignOnce(kKey, kAnother));
  EXPECT_THAT(SignOnce(kKey, kAnother), HasReason(Reason::kSignaturesExhausted));
  world_.Advance(absl::Minutes(62));
  Restart();
  EXPECT_OK(SignOnce(kKey, kAnother));
  EXPECT_THAT(SignOnce(), HasReason(Reason::kSignaturesExhausted));
  world_.Advance(absl::Hours(24));
  Restart();
  EXPECT_OK(SignOnce());
}

TEST_F(SigningLimitsTest, WhatTheLogSaysIsCountedWholeOrTheStartFails) {
  OfCallers({{5, absl::Hours(1)}});
  ASSERT_OK(SignOnce());
  world_.store.Tamper([](keysvc::testing::MemoryStore::Rows& rows) {
    for (auto& [index, leaf] : rows.leaves) {
      if (leaf.header.find("SigningService.Sign") != std::string::npos) leaf.body.back() = ' ';
    }
  });
  EXPECT_THAT(signer_->CountRecords(*world_.policy()), HasReason(Reason::kIntegrityFailure));
}

TEST_F(SigningLimitsTest, AReloadThatLimitsCountsWhatWasSignedBefore) {
  for (int i = 0; i < 3; ++i) ASSERT_OK(SignOnce());
  OfCallers({{3, absl::Hours(1)}});
  EXPECT_THAT(SignOnce(), HasReason(Reason::kSignaturesExhausted));
  OfKeys({{3, absl::Hours(1)}});
  EXPECT_THAT(SignOnce(kKey, kAnother), HasReason(Reason::kSignaturesExhausted));
  OfKeys({{4, absl::Hours(1)}});
  EXPECT_OK(SignOnce());
  EXPECT_THAT(SignOnce(), HasReason(Reason::kSignaturesExhausted));
  world_.SetLimits({});
  EXPECT_OK(SignOnce());
}

}  // namespace
}  // namespace keysvc::keys
