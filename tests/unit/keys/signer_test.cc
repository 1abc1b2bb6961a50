#include "keysvc/keys/signer.h"

#include <memory>
#include <string>
#include <utility>

#include "crypto/digest.h"
#include "crypto/ecdsa_low_s.h"
#include "crypto/public_key.h"
#include "gtest/gtest.h"
#include "keysvc/keys/digest_signature.h"
#include "keysvc/keys/message_signature.h"
#include "keysvc/keys/presented_digest.h"
#include "keysvc/keys/presented_message.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/keys/key_world.h"
#include "tests/unit/keys/signing_fixture.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::HsmVerb;
using keysvc::testing::LastCall;
using keysvc::testing::MemoryStore;

constexpr char kMessage[] = "pay 12.50 EUR to merchant 4711";
constexpr char kRequestId[] = "3f0c2a52-58c5-4c1b-8d7e-0a8a4d0e2c11";

KeyParameters Parameters(Algorithm algorithm) {
  return {IsMac(algorithm) ? Purpose::kMac : Purpose::kSign, algorithm, Protection::kHsm, kYear};
}

// What Sign is asked for, to be changed piece by piece.
struct Asked {
  KeyName key;
  std::string message;
  SignatureEncoding encoding = SignatureEncoding::kDer;
  RsaPadding padding = RsaPadding::kPss;
  std::string request_id;

  SignRequest ToRequest() const {
    return {key, std::make_shared<MessageSignature>(message, encoding, padding), request_id, {}};
  }
};

struct Presented {
  KeyName key;
  std::uint32_t version = 0;
  std::string message;
  std::string signature;
  SignatureEncoding encoding = SignatureEncoding::kDer;
  RsaPadding padding = RsaPadding::kPss;

  VerifyRequest ToRequest() const {
    VerifyRequest request;
    request.key = KeyVersionName{key, version};
    request.presented = std::make_shared<PresentedMessage>(message, signature, encoding, padding);
    return request;
  }
};

class SignerTest : public SigningTest {
 protected:
  void SetUp() override {
    SigningTest::SetUp();
    ASSERT_OK(world_.Create(kKey, Parameters(Algorithm::kEcP256)));
  }

  using SigningTest::Sign;
  absl::StatusOr<Signature> Sign(const Asked& asked) { return Sign(asked.ToRequest()); }

  Asked Request(const std::string& request_id = {}) const {
    Asked request;
    request.key = kKey;
    request.message = kMessage;
    request.request_id = request_id;
    return request;
  }
  Presented Check(const std::string& signature) const {
    Presented request;
    request.key = kKey;
    request.message = kMessage;
    request.signature = signature;
    return request;
  }

  const KeyName kKey{"acme", "webhook"};
};

TEST_F(SignerTest, EveryAlgorithmSignsWhatItVerifiesAndNothingElse) {
  struct Case {
    Algorithm algorithm;
    SignatureEncoding encoding;
    RsaPadding padding;
    std::string name;
    std::size_t size;  // 0: varies
  };
  const Case cases[] = {
      {Algorithm::kEcP256, SignatureEncoding::kDer, RsaPadding::kPss, "ECDSA-P256-SHA256", 0},
      {Algorithm::kEcP256, SignatureEncoding::kP1363, RsaPadding::kPss, "ECDSA-P256-SHA256", 64},
      {Algorithm::kRsa2048, SignatureEncoding::kDer, RsaPadding::kPss, "RSA-PSS-SHA256", 256},
      {Algorithm::kRsa2048, SignatureEncoding::kDer, RsaPadding::kPkcs1, "RSA-PKCS1-SHA256", 256},
      {Algorithm::kRsa3072, SignatureEncoding::kDer, RsaPadding::kPss, "RSA-PSS-SHA256", 384},
      {Algorithm::kEd25519, SignatureEncoding::kDer, RsaPadding::kPss, "Ed25519", 64},
      {Algorithm::kHmacSha256, SignatureEncoding::kDer, RsaPadding::kPss, "HMAC-SHA256", 32},
      {Algorithm::kEcP384, SignatureEncoding::kDer, RsaPadding::kPss, "ECDSA-P384-SHA384", 0},
      {Algorithm::kEcP384, SignatureEncoding::kP1363, RsaPadding::kPss, "ECDSA-P384-SHA384", 96},
      {Algorithm::kRsa2048Sha384, SignatureEncoding::kDer, RsaPadding::kPss, "RSA-PSS-SHA384", 256},
      {Algorithm::kRsa2048Sha512, SignatureEncoding::kDer, RsaPadding::kPkcs1, "RSA-PKCS1-SHA512",
       256},
      {Algorithm::kRsa3072Sha384, SignatureEncoding::kDer, RsaPadding::kPkcs1, "RSA-PKCS1-SHA384",
       384},
      {Algorithm::kRsa3072Sha512, SignatureEncoding::kDer, RsaPadding::kPss, "RSA-PSS-SHA512", 384},
      {Algorithm::kRsa4096, SignatureEncoding::kDer, RsaPadding::kPss, "RSA-PSS-SHA256", 512},
      {Algorithm::kRsa4096Sha512, SignatureEncoding::kDer, RsaPadding::kPss, "RSA-PSS-SHA512", 512},
      {Algorithm::kHmacSha384, SignatureEncoding::kDer, RsaPadding::kPss, "HMAC-SHA384", 48},
      {Algorithm::kHmacSha512, SignatureEncoding::kDer, RsaPadding::kPss, "HMAC-SHA512", 64},
      {Algorithm::kAes256Cmac, SignatureEncoding::kDer, RsaPadding::kPss, "AES-CMAC", 16},
  };
  int number = 0;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const KeyName key{"acme", "key-" + std::to_string(++number)};
    ASSERT_OK(world_.Create(key, Parameters(c.algorithm)));
    Asked request = Request();
    request.key = key;
    request.encoding = c.encoding;
    request.padding = c.padding;
    const auto signature = Sign(request);
    ASSERT_OK(signature);
    EXPECT_EQ(signature->algorithm, c.name);
    EXPECT_EQ(signature->key_version, (KeyVersionName{key, 1}));
    EXPECT_TRUE(c.size == 0 || signature->bytes.size() == c.size);

    Presented check = Check(signature->bytes);
    check.key = key;
    check.encoding = c.encoding;
    check.padding = c.padding;
    const auto verified = Verify(check);
    ASSERT_OK(verified);
    EXPECT_TRUE(verified->valid());
    EXPECT_EQ(verified->key_version, signature->key_version.ToString());

    Presented wrong = check;
    wrong.message += ".";
    EXPECT_FALSE(Verify(wrong)->valid());
    for (const std::size_t at : {std::size_t{0}, check.signature.size() - 1}) {
      wrong = check;
      wrong.signature[at] = static_cast<char>(wrong.signature[at] ^ 1);
      EXPECT_FALSE(Verify(wrong)->valid());
    }
    wrong = check;
    wrong.signature += '\0';
    EXPECT_FALSE(Verify(wrong)->valid());
    wrong.signature.clear();
    EXPECT_THAT(Verify(wrong), HasReason(Reason::kFieldRequired));
    wrong.signature.assign(1025, 'x');
    EXPECT_THAT(Verify(wrong), HasReason(Reason::kFieldInvalid));
    if (c.algorithm == Algorithm::kEcP256 || c.algorithm == Algorithm::kEcP384) {
      wrong = check;
      wrong.encoding = c.encoding == SignatureEncoding::kDer ? SignatureEncoding::kP1363
                                                             : SignatureEncoding::kDer;
      EXPECT_FALSE(Verify(wrong)->valid());
    }
    if (RsaHashOf(c.algorithm).has_value()) {
      wrong = check;
      wrong.padding = c.padding == RsaPadding::kPss ? RsaPadding::kPkcs1 : RsaPadding::kPss;
      EXPECT_FALSE(Verify(wrong)->valid());
    }
  }
}

TEST_F(SignerTest, WhatTheTokenCannotDoIsSaidWhenTheKeyIsMade) {
  world_.hsm.SupportOnly({pkcs11::KeyKind::kAes256Wrapping, pkcs11::KeyKind::kHmacSha256,
                          pkcs11::KeyKind::kEcP256, pkcs11::KeyKind::kRsa2048});
  int number = 0;
  for (const Algorithm algorithm :
       {Algorithm::kEcP384, Algorithm::kRsa4096, Algorithm::kRsa3072Sha512, Algorithm::kHmacSha384,
        Algorithm::kHmacSha512, Algorithm::kAes256Cmac}) {
    const KeyName key{"acme", "key-" + std::to_string(++number)};
    EXPECT_THAT(world_.Create(key, Parameters(algorithm)), HasReason(Reason::kAlgorithmUnsupported))
        << NameOf(algorithm);
    EXPECT_EQ(LastCall(world_.store).reason, "ALGORITHM_UNSUPPORTED");
  }
  EXPECT_OK(world_.Create({"acme", "key-rsa"}, Parameters(Algorithm::kRsa2048Sha512)));
}

TEST_F(SignerTest, ASignatureHoldsUnderThePublishedKey) {
  const auto signature = Sign(Request());
  ASSERT_OK(signature);
  const KeyVersion version = *world_.registry().VersionFor({kKey, 1}, Use::kProcess);
  const auto key = crypto::PublicKey::FromSpki(version.public_key);
  ASSERT_OK(key);
  EXPECT_TRUE(
      (*key)->Verify(crypto::SignatureAlgorithm::kEcdsaP256Sha256, kMessage, signature->bytes));
}

TEST_F(SignerTest, EverySignatureOfAKeyThatAsksForLowSHasIt) {
  // Of as many without that, all are low once in 2^64 runs.
  constexpr int kSignatures = 64;
  for (const Algorithm algorithm : {Algorithm::kEcP256, Algorithm::kEcP384}) {
    const std::size_t coordinate = algorithm == Algorithm::kEcP256 ? 32 : 48;
    for (const bool low : {true, false}) {
      const KeyName key{"acme", std::string(low ? "low-" : "any-") + std::to_string(coordinate)};
      KeyParameters parameters = Parameters(algorithm);
      parameters.low_s = low;
      ASSERT_OK(world_.Create(key, parameters));
      int high = 0;
      for (int i = 0; i < kSignatures; ++i) {
        Asked request = Request();
        request.key = key;
        request.message += std::to_string(i);
        request.encoding = i % 2 == 0 ? SignatureEncoding::kDer : SignatureEncoding::kP1363;
        const auto signature = Sign(request);
        ASSERT_OK(signature);
        const std::string raw = request.encoding == SignatureEncoding::kP1363
                                    ? signature->bytes
                                    : *crypto::EcdsaDerToP1363(signature->bytes, coordinate);
        if (!crypto::HasLowS(raw)) ++high;
        Presented check = Check(signature->bytes);
        check.key = key;
        check.message = request.message;
        check.encoding = request.encoding;
        EXPECT_TRUE(Verify(check)->valid());
      }
      if (low) {
        EXPECT_EQ(high, 0) << NameOf(algorithm);
      } else {
        EXPECT_GT(high, 0) << NameOf(algorithm);
        EXPECT_LT(high, kSignatures) << NameOf(algorithm);
      }
    }
  }
}

TEST_F(SignerTest, TheOtherSOfASignatureIsWrongWhereTheKeyAsksForLowS) {
  const KeyName key{"acme", "low"};
  KeyParameters parameters = Parameters(Algorithm::kEcP256);
  parameters.low_s = true;
  const auto version = world_.Create(key, parameters);
  ASSERT_OK(version);
  Asked request = Request();
  request.key = key;
  request.encoding = SignatureEncoding::kP1363;
  const auto signature = Sign(request);
  ASSERT_OK(signature);
  // The HSM's own, until one of them is high.
  std::string high;
  while (high.empty() || crypto::HasLowS(high)) {
    high = *world_.hsm.Sign(version->hsm_label, pkcs11::Mechanism::kEcdsaP256Sha256, kMessage);
  }
  const auto public_key = *crypto::PublicKey::FromSpki(version->public_key);
  const std::string der = *crypto::EcdsaP1363ToDer(high);
  ASSERT_TRUE(public_key->Verify(crypto::SignatureAlgorithm::kEcdsaP256Sha256, kMessage, der));
  Presented check = Check(high);
  check.key = key;
  check.encoding = SignatureEncoding::kP1363;
  EXPECT_EQ(Verify(check)->fault, Fault::kSignatureWrong);
  check.signature = *crypto::WithLowS(high);
  EXPECT_TRUE(Verify(check)->valid());
  check.signature = der;
  check.encoding = SignatureEncoding::kDer;
  EXPECT_EQ(Verify(check)->fault, Fault::kSignatureWrong);
}

TEST_F(SignerTest, ADigestIsSignedAsItsMessageIsWhereTheAlgorithmHashes) {
  int number = 0;
  for (const Algorithm algorithm : {Algorithm::kEcP256, Algorithm::kEcP384, Algorithm::kRsa2048,
                                    Algorithm::kRsa2048Sha384, Algorithm::kRsa2048Sha512}) {
    for (const RsaPadding padding : {RsaPadding::kPss, RsaPadding::kPkcs1}) {
      const KeyName key{"acme", "key-" + std::to_string(++number)};
      ASSERT_OK(world_.Create(key, Parameters(algorithm)));
      const crypto::HashAlgorithm hash =
          algorithm == Algorithm::kEcP384
              ? crypto::HashAlgorithm::kSha384
              : RsaHashOf(algorithm).value_or(crypto::HashAlgorithm::kSha256);
      const std::string digest = crypto::HashOf(hash, kMessage);
      const auto sign = [&](const std::string& input) {
        return Sign({key,
                     std::make_shared<DigestSignature>(input, SignatureEncoding::kDer, padding),
                     {},
                     {}});
      };
      const auto verify = [&](const std::string& input, const std::string& signature) {
        VerifyRequest request;
        request.key = KeyVersionName{key, 0};
        request.presented =
            std::make_shared<PresentedDigest>(input, signature, SignatureEncoding::kDer, padding);
        return Verify(request);
      };
      const auto signature = sign(digest);
      ASSERT_OK(signature);
      Presented check = Check(signature->bytes);
      check.key = key;
      check.padding = padding;
      EXPECT_TRUE(Verify(check)->valid());
      EXPECT_TRUE(verify(digest, signature->bytes)->valid());
      std::string other = digest;
      other.front() = static_cast<char>(other.front() ^ 1);
      EXPECT_EQ(verify(other, signature->bytes)->fault, Fault::kSignatureWrong);
      for (const std::string& wrong : {digest + "x", digest.substr(1), std::string(kMessage)}) {
        EXPECT_THAT(sign(wrong), HasReason(Reason::kFieldInvalid));
        EXPECT_THAT(verify(wrong, signature->bytes), HasReason(Reason::kFieldInvalid));
      }
      EXPECT_THAT(sign(""), HasReason(Reason::kFieldRequired));
      EXPECT_THAT(verify("", signature->bytes), HasReason(Reason::kFieldRequired));
    }
  }
}

TEST_F(SignerTest, WhatTakesMessagesOnlySignsNoDigest) {
  int number = 0;
  for (const Algorithm algorithm :
       {Algorithm::kEd25519, Algorithm::kHmacSha256, Algorithm::kAes256Cmac}) {
    const KeyName key{"acme", "key-" + std::to_string(++number)};
    ASSERT_OK(world_.Create(key, Parameters(algorithm)));
    const std::string digest(32, 'd');
    EXPECT_THAT(
        Sign({key,
              std::make_shared<DigestSignature>(digest, SignatureEncoding::kDer, RsaPadding::kPss),
              {},
              {}}),
        HasReason(Reason::kAlgorithmUnsupported));
    VerifyRequest request;
    request.key = KeyVersionName{key, 0};
    request.presented = std::make_shared<PresentedDigest>(
        digest, "signature", SignatureEncoding::kDer, RsaPadding::kPss);
    EXPECT_THAT(Verify(request), HasReason(Reason::kAlgorithmUnsupported));
  }
}

TEST_F(SignerTest, AWrongDigestTakesNoRepetitionFromTheOthersOfItsBatch) {
  BatchSignRequest batch;
  batch.key = kKey;
  batch.request_id = kRequestId;
  for (const std::string& digest : {std::string(32, 'd'), std::string("short"), std::string()}) {
    batch.formats.push_back(
        std::make_shared<DigestSignature>(digest, SignatureEncoding::kDer, RsaPadding::kPss));
  }
  const auto first = SignBatch(batch);
  ASSERT_OK(first);
  ASSERT_OK(first->at(0));
  EXPECT_THAT(first->at(1), HasReason(Reason::kFieldInvalid));
  EXPECT_THAT(first->at(2), HasReason(Reason::kFieldRequired));
  const auto again = SignBatch(batch);
  ASSERT_OK(again);
  EXPECT_EQ(again->at(0)->bytes, first->at(0)->bytes);
  EXPECT_THAT(again->at(1), HasReason(Reason::kFieldInvalid));
}

TEST_F(SignerTest, ADigestIsAnotherRequestThanAMessageOfTheSameBytesAndNeedsAPermitOfItsOwn) {
  const std::string digest(32, 'd');
  const SignRequest request{
      kKey,
      std::make_shared<DigestSignature>(digest, SignatureEncoding::kDer, RsaPadding::kPss),
      kRequestId,
      {}};
  const auto first = Sign(request);
  ASSERT_OK(first);
  EXPECT_EQ(Sign(request)->bytes, first->bytes);
  Asked message = Request(kRequestId);
  message.message = digest;
  EXPECT_THAT(Sign(message), HasReason(Reason::kRequestIdReused));
  const auto signature = Await<Signature>([&](auto done) {
    signer_->Sign(world_.PermitFor(policy::Action::kSign, kKey.ToString()), request,
                  std::move(done));
  });
  EXPECT_THAT(signature, HasReason(Reason::kInternal));
}

TEST_F(SignerTest, OldVersionsVerifyAfterRotationAndTheNewOneSigns) {
  for (const KeyName& key : {kKey, KeyName{"acme", "mac"}}) {
    if (key != kKey) {
      ASSERT_OK(world_.Create(key, Parameters(Algorithm::kHmacSha256)));
    }
    Asked request = Request();
    request.key = key;
    const auto old = Sign(request);
    ASSERT_OK(old);
    ASSERT_OK(world_.Rotate(key));
    EXPECT_EQ(Sign(request)->key_version.version, 2u);
    Presented check = Check(old->bytes);
    check.key = key;
    EXPECT_EQ(Verify(check)->key_version, (KeyVersionName{key, 1}.ToString()));
    check.version = 1;
    EXPECT_TRUE(Verify(check)->valid());
    check.version = 2;
    EXPECT_FALSE(Verify(check)->valid());
    check.version = 3;
    EXPECT_THAT(Verify(check), HasReason(Reason::kKeyNotFound));
  }
}

TEST_F(SignerTest, ARepeatedRequestGetsTheSameSignatureForADay) {
  const auto first = Sign(Request(kRequestId));
  ASSERT_OK(first);
  const std::size_t signatures = world_.hsm.calls(HsmVerb::kSign);
  const auto second = Sign(Request(kRequestId));
  ASSERT_OK(second);
  EXPECT_EQ(second->bytes, first->bytes);
  EXPECT_EQ(second->key_version, first->key_version);
  EXPECT_EQ(second->algorithm, first->algorithm);
  EXPECT_EQ(world_.hsm.calls(HsmVerb::kSign), signatures);
  EXPECT_EQ(LastCall(world_.store).action, "SigningService.Sign");
  // Also after a rotation: the answer is the request's, not the key's.
  ASSERT_OK(world_.Rotate(kKey));
  EXPECT_EQ(Sign(Request(kRequestId))->bytes, first->bytes);
  // Nor does setting the clock end it.
  world_.JumpWallClock(absl::Hours(48));
  EXPECT_EQ(Sign(Request(kRequestId))->bytes, first->bytes);
  world_.JumpWallClock(-absl::Hours(48));
  world_.Advance(absl::Hours(24) + absl::Seconds(1));
  EXPECT_NE(Sign(Request(kRequestId))->bytes, first->bytes);
}

TEST_F(SignerTest, ARequestIdWithOtherContentIsRefused) {
  ASSERT_OK(Sign(Request(kRequestId)));
  Asked other = Request(kRequestId);
  other.message += ".";
  EXPECT_THAT(Sign(other), HasReason(Reason::kRequestIdReused));
  EXPECT_EQ(LastCall(world_.store).reason, "REQUEST_ID_REUSED");
  other = Request(kRequestId);
  other.encoding = SignatureEncoding::kP1363;
  EXPECT_THAT(Sign(other), HasReason(Reason::kRequestIdReused));
}

TEST_F(SignerTest, OfTwoEqualRequestsAtOnceBothGetTheAnswerThatWasKept) {
  // The second runs whole while the first is inside the HSM, so that the first's row conflicts.
  bool first = true;
  absl::StatusOr<Signature> inner;
  world_.hsm.BeforeEach(HsmVerb::kSign, [&] {
    if (std::exchange(first, false)) inner = Sign(Request(kRequestId));
  });
  const auto outer = Sign(Request(kRequestId));
  ASSERT_OK(outer);
  ASSERT_OK(inner);
  EXPECT_EQ(outer->bytes, inner->bytes);
}

TEST_F(SignerTest, AKeptSignatureThatWasChangedIsNotGiven) {
  ASSERT_OK(Sign(Request(kRequestId)));
  const auto original = world_.store.Snapshot().idempotency;
  world_.store.Tamper(
      [](MemoryStore::Rows& rows) { rows.idempotency.begin()->second.answer.back() ^= 1; });
  EXPECT_THAT(Sign(Request(kRequestId)), HasReason(Reason::kIntegrityFailure));
  world_.store.Tamper([&](MemoryStore::Rows& rows) {
    rows.idempotency = original;
    rows.idempotency.begin()->second.expires_ms += 1;
  });
  EXPECT_THAT(Sign(Request(kRequestId)), HasReason(Reason::kIntegrityFailure));
}

TEST_F(SignerTest, WhatCannotBeSignedIsRecorded) {
  Asked request = Request();
  request.message.clear();
  EXPECT_THAT(Sign(request), HasReason(Reason::kFieldRequired));
  EXPECT_EQ(LastCall(world_.store).reason, "FIELD_REQUIRED");
  request.message.assign(64 * 1024 + 1, 'x');
  EXPECT_THAT(Sign(request), HasReason(Reason::kMessageTooLarge));
  request.message.pop_back();
  EXPECT_OK(Sign(request));
  request = Request();
  request.key.key = "other";
  EXPECT_THAT(Sign(request), HasReason(Reason::kKeyNotFound));
  EXPECT_EQ(LastCall(world_.store).outcome, "failed");
  request = Request(kRequestId);
  request.key.tenant = "nobody";
  EXPECT_THAT(Sign(request), HasReason(Reason::kKeyNotFound));
  request = Request();
  request.key.key = "request";
  EXPECT_THAT(Sign(request), HasReason(Reason::kAlgorithmUnsupported));
  world_.Advance(kYear);
  EXPECT_THAT(Sign(Request()), HasReason(Reason::kKeyNotActive));
}

TEST_F(SignerTest, APermitForAnotherKeySignsNothing) {
  auto permit = world_.PermitFor(policy::Action::kSign, "tenants/acme/keys/webhook2");
  const auto signature = Await<Signature>(
      [&](auto done) { signer_->Sign(std::move(permit), Request().ToRequest(), std::move(done)); });
  EXPECT_THAT(signature, HasReason(Reason::kInternal));
}

TEST_F(SignerTest, NoSignatureLeavesWithoutItsRecord) {
  world_.store.FailCommit(MemoryStore::CommitFault::kRefused, 100'000);
  EXPECT_THAT(Sign(Request()), HasReason(Reason::kAuditUnavailable));
  world_.store.Heal();
}

TEST_F(SignerTest, WithoutTheHsmNothingIsSignedButSignaturesAreStillVerified) {
  const auto signature = Sign(Request());
  ASSERT_OK(signature);
  world_.hsm.FailEverything(Error(Reason::kHsmUnavailable, "the token is away"));
  EXPECT_THAT(Sign(Request()), HasReason(Reason::kHsmUnavailable));
  EXPECT_EQ(LastCall(world_.store).reason, "HSM_UNAVAILABLE");
  EXPECT_TRUE(Verify(Check(signature->bytes))->valid());
  world_.hsm.Heal();
  EXPECT_OK(Sign(Request()));
}

}  // namespace
}  // namespace keysvc::keys
