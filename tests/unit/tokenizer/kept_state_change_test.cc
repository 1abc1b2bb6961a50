#include "tokenizer/kept_state_change.h"

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"
#include "status/reason.h"
#include "tests/fakes/literal_keys.h"
#include "tests/support/status_matchers.h"

namespace keysvc::tokenizer {
namespace {

using keysvc::testing::HasReason;
using Names = std::vector<absl::StatusOr<TokenName>>;

constexpr char kRequest[] = "11111111-2222-4333-8444-555555555555";
const std::string kFingerprint(32, 'f');

crypto::SecretKey<32> CountingKey() {
  std::array<std::uint8_t, 32> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i);
  return *crypto::SecretKey<32>::From(crypto::SecretBytes::CopyOf(bytes));
}

class KeptStateChangeTest : public ::testing::Test {
 protected:
  std::string Fingerprint(const Names& names, TokenState state = TokenState::kSuspended,
                          std::string_view tenant = "acme") const {
    return FingerprintOf(state, tenant, names, *hmac_);
  }
  store::IdempotencyRow Keep() const {
    auto row = KeepStateChange(
        {absl::OkStatus(), Error(Reason::kTokenNotFound, ""), Error(Reason::kTokenDeleted, ""),
         Error(Reason::kFieldInvalid, "", "name")},
        "risk", kRequest, kFingerprint, expires_, *key_);
    EXPECT_OK(row);
    return *std::move(row);
  }
  const std::shared_ptr<const AnswerKey> key_ = *AnswerKey::Create(CountingKey());
  const std::unique_ptr<crypto::HmacSha256> hmac_ = *crypto::HmacSha256::Create(CountingKey());
  const absl::Time expires_ = absl::FromUnixMillis(1'700'000'000'000);
};

TEST_F(KeptStateChangeTest, WhatIsKeptIsGivenBackForTheSameRequest) {
  const auto results = OpenKeptStateChange(Keep(), kFingerprint, *key_);
  ASSERT_OK(results);
  ASSERT_EQ(results->size(), 4u);
  EXPECT_OK((*results)[0]);
  EXPECT_THAT((*results)[1], HasReason(Reason::kTokenNotFound));
  EXPECT_THAT((*results)[2], HasReason(Reason::kTokenDeleted));
  EXPECT_THAT((*results)[3], HasReason(Reason::kFieldInvalid));
  EXPECT_THAT(OpenKeptStateChange(Keep(), std::string(32, 'g'), *key_),
              HasReason(Reason::kRequestIdReused));
}

TEST_F(KeptStateChangeTest, AReasonOfAnyKindIsGivenBack) {
  const auto row = KeepStateChange(
      {absl::OkStatus(), Error(Reason::kPolicyDenied, ""), Error(Reason::kIntegrityFailure, ""),
       Error(Reason::kTokenNotFound, ""), Error(Reason::kFieldInvalid, "", "name")},
      "risk", kRequest, kFingerprint, expires_, *key_);
  ASSERT_OK(row);
  const auto results = OpenKeptStateChange(*row, kFingerprint, *key_);
  ASSERT_OK(results);
  ASSERT_EQ(results->size(), 5u);
  EXPECT_OK((*results)[0]);
  EXPECT_THAT((*results)[1], HasReason(Reason::kPolicyDenied));
  EXPECT_THAT((*results)[2], HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT((*results)[3], HasReason(Reason::kTokenNotFound));
  EXPECT_THAT((*results)[4], HasReason(Reason::kFieldInvalid));
}

TEST_F(KeptStateChangeTest, AChangedColumnIsNoticed) {
  const std::vector<std::function<void(store::IdempotencyRow&)>> changes = {
      [](auto& row) { row.principal = "other"; },
      [](auto& row) { row.request_id[0] = '2'; },
      [](auto& row) { ++row.expires_ms; },
      [](auto& row) { row.answer.back() ^= 1; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    store::IdempotencyRow row = Keep();
    changes[i](row);
    EXPECT_THAT(OpenKeptStateChange(row, kFingerprint, *key_), HasReason(Reason::kIntegrityFailure))
        << i;
  }
}

TEST_F(KeptStateChangeTest, TheFingerprintTellsRequestsApart) {
  const Names names = {TokenName{"acme", "tok_a"}, TokenName{"acme", "tok_b"}};
  const std::string one = Fingerprint(names);
  EXPECT_EQ(one, Fingerprint(names));
  EXPECT_NE(one, Fingerprint(names, TokenState::kDeleted));
  EXPECT_NE(one, Fingerprint(names, TokenState::kSuspended, "beta"));
  EXPECT_NE(one, Fingerprint({TokenName{"acme", "tok_a"}}));
  EXPECT_NE(one, Fingerprint({TokenName{"acme", "tok_b"}, TokenName{"acme", "tok_a"}}));
  EXPECT_NE(one, Fingerprint({TokenName{"acme", "tok_a"}, Error(Reason::kFieldInvalid, "", "x")}));
}

TEST_F(KeptStateChangeTest, TheFingerprintStaysTheSame) {
  EXPECT_EQ(absl::BytesToHexString(Fingerprint(
                {TokenName{"acme", "tok_a"}, Error(Reason::kFieldInvalid, "", "name")})),
            "8a0460154cf2f0da41830cb99bee6160565fa85971ffd45afa7de884294acd5c");
}

}  // namespace
}  // namespace keysvc::tokenizer
