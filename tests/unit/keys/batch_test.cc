// Batches of signatures and of their checks.
#include "keysvc/keys/batch.h"

#include <algorithm>
#include <barrier>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "keysvc/keys/message_signature.h"
#include "keysvc/keys/presented_message.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/keys/key_world.h"
#include "tests/unit/keys/signing_fixture.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::HsmVerb;
using keysvc::testing::LastCall;
using keysvc::testing::LoggedRecords;
using keysvc::testing::MemoryStore;

constexpr char kRequestId[] = "3f0c2a52-58c5-4c1b-8d7e-0a8a4d0e2c11";

class BatchTest : public SigningTest {
 protected:
  void SetUp() override {
    SigningTest::SetUp();
    ASSERT_OK(world_.Create(kKey, {Purpose::kSign, Algorithm::kEcP256, Protection::kHsm, kYear}));
  }

  static std::shared_ptr<const SignatureFormat> Format(const std::string& message) {
    return std::make_shared<MessageSignature>(message, SignatureEncoding::kDer, RsaPadding::kPss);
  }
  BatchSignRequest Request(const std::vector<std::string>& messages,
                           const std::string& request_id = {}) const {
    BatchSignRequest request{.key = kKey, .formats = {}, .request_id = request_id, .trace_id = {}};
    for (const std::string& message : messages) request.formats.push_back(Format(message));
    return request;
  }
  static std::vector<std::string> Messages(int count) {
    std::vector<std::string> messages;
    for (int i = 0; i < count; ++i) messages.push_back("pay " + std::to_string(i) + " EUR");
    return messages;
  }
  static std::vector<std::string> BytesOf(const Signatures& signatures) {
    std::vector<std::string> bytes;
    for (const auto& signature : signatures)
      bytes.push_back(signature.ok() ? signature->bytes : "");
    return bytes;
  }
  BatchVerifyRequest Check(const std::vector<std::string>& messages,
                           const std::vector<std::string>& signatures) const {
    BatchVerifyRequest request;
    request.key = KeyVersionName{.key = kKey};
    for (std::size_t i = 0; i < messages.size(); ++i) {
      request.presented.push_back(std::make_shared<PresentedMessage>(
          messages[i], signatures[i], SignatureEncoding::kDer, RsaPadding::kPss));
    }
    return request;
  }

  const KeyName kKey{"acme", "webhook"};
};

// The body of the newest record that is not about the log itself.
std::string LastBody(const MemoryStore& store) {
  const MemoryStore::Rows rows = store.Snapshot();
  for (auto leaf = rows.leaves.rbegin(); leaf != rows.leaves.rend(); ++leaf) {
    if (leaf->second.header.find("\"Log.") == std::string::npos) return leaf->second.body;
  }
  return {};
}

// Runs the pieces on threads of their own.
InTurn OnThreads(std::vector<std::thread>& threads) {
  return [&threads](Pieces pieces) {
    for (auto& piece : pieces) threads.emplace_back(std::move(piece));
  };
}

TEST_F(BatchTest, SignsEveryMessageInOrderByOneVersionAndRecordsItOnce) {
  const std::vector<std::string> messages = Messages(100);
  const auto calls = [this] {
    const auto records = LoggedRecords(world_.store);
    return std::count_if(records.begin(), records.end(),
                         [](const auto& record) { return record.action == "SigningService.Sign"; });
  };
  const auto before = calls();
  const auto signatures = SignBatch(Request(messages));
  ASSERT_OK(signatures);
  ASSERT_EQ(signatures->size(), 100u);
  std::set<std::string> different;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const auto& signature = (*signatures)[i];
    ASSERT_OK(signature);
    EXPECT_EQ(signature->algorithm, "ECDSA-P256-SHA256");
    EXPECT_EQ(signature->key_version, (KeyVersionName{kKey, 1}));
    different.insert(signature->bytes);
  }
  const CheckTurns turns{.in_hsm = [](const Pieces&) {
    ADD_FAILURE() << "no HSM checks it";
    return false;
  }};
  const auto verified = VerifyBatch(Check(messages, BytesOf(*signatures)), turns);
  ASSERT_OK(verified);
  for (const auto& one : *verified) EXPECT_TRUE(one->valid());
  EXPECT_EQ(different.size(), 100u);
  EXPECT_EQ(calls(), before + 1);
}

TEST_F(BatchTest, ARecordHasAnItemForEachMessageAndNothingOfIt) {
  const auto signatures = SignBatch(Request({"first", "", "third"}));
  ASSERT_OK(signatures);
  const auto record = LastCall(world_.store);
  EXPECT_EQ(record.action, "SigningService.Sign");
  EXPECT_EQ(record.outcome, "success");
  const std::string body = LastBody(world_.store);
  EXPECT_NE(body.find(R"("items":[{"outcome":"success","resource":)"
                      R"("tenants/acme/keys/webhook/versions/1"},)"
                      R"({"outcome":"failed","reason":"FIELD_REQUIRED"},)"
                      R"({"outcome":"success",)"),
            std::string::npos)
      << body;
  EXPECT_EQ(body.find("third"), std::string::npos);
}

TEST_F(BatchTest, AnItemThatCannotBeSignedFailsAlone) {
  const auto signatures =
      SignBatch(Request({"first", "", std::string(64 * 1024 + 1, 'x'), "last"}));
  ASSERT_OK(signatures);
  EXPECT_OK((*signatures)[0]);
  EXPECT_THAT((*signatures)[1], HasReason(Reason::kFieldRequired));
  EXPECT_THAT((*signatures)[2], HasReason(Reason::kMessageTooLarge));
  EXPECT_OK((*signatures)[3]);
  const auto none = SignBatch(Request({"", ""}));
  ASSERT_OK(none);
  EXPECT_THAT(none->front(), HasReason(Reason::kFieldRequired));
  EXPECT_EQ(LastCall(world_.store).reason, "FIELD_REQUIRED");
}

TEST_F(BatchTest, WithoutAKeyOrARightToItTheWholeCallFails) {
  BatchSignRequest request = Request(Messages(2));
  request.key.key = "other";
  EXPECT_THAT(SignBatch(request), HasReason(Reason::kKeyNotFound));
  auto permit = world_.PermitFor(policy::Action::kSign, "tenants/acme/keys/webhook2");
  EXPECT_THAT(Await<Signatures>([&](auto done) {
                signer_->SignBatch(std::move(permit), Request(Messages(2)), OneByOne,
                                   std::move(done));
              }),
              HasReason(Reason::kInternal));
  world_.Advance(kYear);
  EXPECT_THAT(SignBatch(Request(Messages(2))), HasReason(Reason::kKeyNotActive));
}

TEST_F(BatchTest, ItsSignaturesAreMadeAtOnce) {
  constexpr int kAtOnce = 8;
  std::barrier all_inside(kAtOnce);
  world_.hsm.BeforeEach(HsmVerb::kSign, [&] { all_inside.arrive_and_wait(); });
  std::vector<std::thread> threads;
  const std::vector<std::string> messages = Messages(kAtOnce);
  const auto signatures = SignBatch(Request(messages), OnThreads(threads));
  for (std::thread& thread : threads) thread.join();
  world_.hsm.Heal();
  ASSERT_OK(signatures);
  const auto verified = VerifyBatch(Check(messages, BytesOf(*signatures)));
  ASSERT_OK(verified);
  for (const auto& one : *verified) EXPECT_TRUE(one->valid());
}

TEST_F(BatchTest, ARepetitionGetsTheSameSignaturesForADayAlsoAfterARotation) {
  const std::vector<std::string> messages = {"first", "", "third"};
  const auto first = SignBatch(Request(messages, kRequestId));
  ASSERT_OK(first);
  ASSERT_OK(world_.Rotate(kKey));
  const std::size_t made = world_.hsm.calls(HsmVerb::kSign);
  const auto second = SignBatch(Request(messages, kRequestId));
  ASSERT_OK(second);
  for (const std::size_t i : {0u, 2u}) {
    EXPECT_EQ((*second)[i]->bytes, (*first)[i]->bytes);
    EXPECT_EQ((*second)[i]->key_version, (*first)[i]->key_version);
    EXPECT_EQ((*second)[i]->algorithm, (*first)[i]->algorithm);
  }
  EXPECT_THAT((*second)[1], HasReason(Reason::kFieldRequired));
  EXPECT_EQ(world_.hsm.calls(HsmVerb::kSign), made);
  world_.Advance(absl::Hours(24) + absl::Seconds(1));
  EXPECT_EQ((*SignBatch(Request(messages, kRequestId)))[0]->key_version.version, 2u);
}

TEST_F(BatchTest, ARequestIdWithOtherContentIsRefused) {
  ASSERT_OK(SignBatch(Request({"first", "second"}, kRequestId)));
  for (const auto& other : std::vector<std::vector<std::string>>{{"second", "first"},
                                                                 {"first", "second", "third"},
                                                                 {"first", ""},
                                                                 {"first"},
                                                                 {"firstsecond"}}) {
    EXPECT_THAT(SignBatch(Request(other, kRequestId)), HasReason(Reason::kRequestIdReused));
  }
}

TEST_F(BatchTest, OneMessageIsTheSameRequestAsSignAndLeavesTheSameRecord) {
  const auto one = SignBatch(Request({"only"}, kRequestId));
  ASSERT_OK(one);
  EXPECT_EQ(LastBody(world_.store).find("items"), std::string::npos);
  const auto alone = Sign({kKey, Format("only"), kRequestId, {}});
  ASSERT_OK(alone);
  EXPECT_EQ(alone->bytes, one->front()->bytes);
}

TEST_F(BatchTest, WhatFailedInTheHsmIsTriedAgainByARepetition) {
  world_.hsm.FailNext(HsmVerb::kSign, absl::OkStatus());
  world_.hsm.FailNext(HsmVerb::kSign, Error(Reason::kHsmFailure, "of one key only"));
  const auto first = SignBatch(Request(Messages(3), kRequestId));
  ASSERT_OK(first);
  EXPECT_OK((*first)[0]);
  EXPECT_THAT((*first)[1], HasReason(Reason::kHsmFailure));
  EXPECT_OK((*first)[2]);
  const auto second = SignBatch(Request(Messages(3), kRequestId));
  ASSERT_OK(second);
  const auto verified = VerifyBatch(Check(Messages(3), BytesOf(*second)));
  ASSERT_OK(verified);
  for (const auto& one : *verified) {
    ASSERT_OK(one);
    EXPECT_TRUE(one->valid());
  }
  EXPECT_EQ((*SignBatch(Request(Messages(3), kRequestId)))[1]->bytes, (*second)[1]->bytes);
}

TEST_F(BatchTest, AnHsmThatIsAwayIsAskedOnce) {
  world_.hsm.FailAlways(HsmVerb::kSign, Error(Reason::kHsmUnavailable, "the token is away"));
  const std::size_t before = world_.hsm.calls(HsmVerb::kSign);
  const auto signatures = SignBatch(Request(Messages(100)));
  ASSERT_OK(signatures);
  for (const auto& one : *signatures) EXPECT_THAT(one, HasReason(Reason::kHsmUnavailable));
  EXPECT_EQ(world_.hsm.calls(HsmVerb::kSign), before + 1);
  EXPECT_EQ(LastCall(world_.store).reason, "HSM_UNAVAILABLE");
}

TEST_F(BatchTest, OfTwoEqualRequestsAtOnceBothGetTheAnswerThatWasKept) {
  bool first = true;
  absl::StatusOr<Signatures> inner;
  world_.hsm.BeforeEach(HsmVerb::kSign, [&] {
    if (std::exchange(first, false)) inner = SignBatch(Request(Messages(2), kRequestId));
  });
  const auto outer = SignBatch(Request(Messages(2), kRequestId));
  ASSERT_OK(outer);
  ASSERT_OK(inner);
  for (const std::size_t i : {0u, 1u}) EXPECT_EQ((*outer)[i]->bytes, (*inner)[i]->bytes);
}

TEST_F(BatchTest, NoSignatureLeavesWithoutItsRecord) {
  world_.store.FailCommit(MemoryStore::CommitFault::kRefused, 100'000);
  EXPECT_THAT(SignBatch(Request(Messages(3))), HasReason(Reason::kAuditUnavailable));
  world_.store.Heal();
}

TEST_F(BatchTest, ChecksEverySignatureByItself) {
  std::vector<std::string> messages = Messages(5);
  const auto signatures = SignBatch(Request(messages));
  ASSERT_OK(signatures);
  std::vector<std::string> bytes = BytesOf(*signatures);
  messages[1] += ".";
  bytes[2].clear();
  messages[3].clear();
  const auto verified = VerifyBatch(Check(messages, bytes));
  ASSERT_OK(verified);
  EXPECT_TRUE((*verified)[0]->valid());
  EXPECT_EQ((*verified)[0]->key_version, (KeyVersionName{kKey, 1}.ToString()));
  EXPECT_FALSE((*verified)[1]->valid());
  EXPECT_THAT((*verified)[2], HasReason(Reason::kFieldRequired));
  EXPECT_THAT((*verified)[3], HasReason(Reason::kFieldRequired));
  EXPECT_TRUE((*verified)[4]->valid());
  const std::string body = LastBody(world_.store);
  EXPECT_NE(body.find(R"("valid":"2")"), std::string::npos) << body;
}

TEST_F(BatchTest, ChecksByEveryVersionThatMayVerify) {
  const std::vector<std::string> messages = Messages(2);
  std::vector<std::string> bytes = BytesOf(*SignBatch(Request(messages)));
  ASSERT_OK(world_.Rotate(kKey));
  bytes[1] = BytesOf(*SignBatch(Request(messages)))[1];
  const auto verified = VerifyBatch(Check(messages, bytes));
  ASSERT_OK(verified);
  EXPECT_EQ((*verified)[0]->key_version, (KeyVersionName{kKey, 1}.ToString()));
  EXPECT_EQ((*verified)[1]->key_version, (KeyVersionName{kKey, 2}.ToString()));
}

TEST_F(BatchTest, ChecksMacsInTheHsmAndAsksOneThatIsAwayOnce) {
  const KeyName mac{"acme", "mac"};
  ASSERT_OK(world_.Create(mac, {Purpose::kMac, Algorithm::kHmacSha256, Protection::kHsm, kYear}));
  const std::vector<std::string> messages = Messages(50);
  BatchSignRequest request = Request(messages);
  request.key = mac;
  const auto tags = SignBatch(std::move(request));
  ASSERT_OK(tags);
  std::vector<std::string> bytes = BytesOf(*tags);
  bytes[7].back() ^= 1;
  BatchVerifyRequest check = Check(messages, bytes);
  check.key = KeyVersionName{.key = mac};
  std::size_t in_hsm = 0;
  const CheckTurns turns{
      .in_software = [](const Pieces&) { FAIL() << "a MAC takes no processor's turn"; },
      .in_hsm =
          [&](Pieces pieces) {
            in_hsm = pieces.size();
            OneByOne(std::move(pieces));
            return true;
          }};
  const auto verified = VerifyBatch(check, turns);
  ASSERT_OK(verified);
  EXPECT_EQ(in_hsm, messages.size());
  const CheckTurns full{.in_hsm = [](const Pieces&) { return false; }};
  EXPECT_THAT(VerifyBatch(check, full), HasReason(Reason::kOverloaded));
  for (std::size_t i = 0; i < messages.size(); ++i) EXPECT_EQ((*verified)[i]->valid(), i != 7);

  world_.hsm.FailAlways(HsmVerb::kSign, Error(Reason::kHsmUnavailable, "the token is away"));
  const std::size_t before = world_.hsm.calls(HsmVerb::kSign);
  const auto refused = VerifyBatch(check);
  ASSERT_OK(refused);
  for (const auto& one : *refused) EXPECT_THAT(one, HasReason(Reason::kHsmUnavailable));
  EXPECT_EQ(world_.hsm.calls(HsmVerb::kSign), before + 1);
}

}  // namespace
}  // namespace keysvc::keys
