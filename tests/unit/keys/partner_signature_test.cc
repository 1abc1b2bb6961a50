// Signatures of partners, made by the openssl program or by keys of our own that are registered as
// somebody else's.
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "crypto/base64.h"
#include "crypto/bytes.h"
#include "crypto/digest.h"
#include "crypto/mac.h"
#include "crypto/public_key.h"
#include "crypto/secret_bytes.h"
#include "crypto/secret_key.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "http/message.h"
#include "http/webhook.h"
#include "keysvc/keys/cose_signature.h"
#include "keysvc/keys/http_signature.h"
#include "keysvc/keys/jws_signature.h"
#include "keysvc/keys/presented_cose.h"
#include "keysvc/keys/presented_http_message.h"
#include "keysvc/keys/presented_jws.h"
#include "keysvc/keys/presented_message.h"
#include "keysvc/keys/presented_webhook.h"
#include "keysvc/keys/webhook_signature.h"
#include "tests/support/openssl.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/http/rfc9421.h"
#include "tests/unit/keys/signing_fixture.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::LastCall;
using keysvc::testing::OpensslKey;

const PartnerKeyName kBank{"acme", "bank"};
constexpr char kPayload[] = R"({"amount":"10.00"})";

class PartnerSignatureTest : public SigningTest {
 protected:
  absl::Status Register(const std::string& pem, Purpose purpose, const std::string& kid = {}) {
    return world_
        .CreatePartnerKey(kBank, {.purpose = purpose,
                                  .pem = pem,
                                  .kid = kid,
                                  .not_after = world_.Now() + absl::Hours(24 * 30)})
        .status();
  }
  // A key that the service makes for another tenant, which here is the partner.
  std::shared_ptr<const PublicHalf> PartnersOwn(Purpose purpose, Algorithm algorithm) {
    const auto version = world_.Create(kTheirs, {purpose, algorithm, Protection::kHsm, kYear});
    EXPECT_OK(version);
    return public_keys_.Of(*version).value();
  }
  std::string SignedBy(std::shared_ptr<const SignatureFormat> format) {
    const auto signature = Sign(
        SignRequest{.key = kTheirs, .format = std::move(format), .request_id = {}, .trace_id = {}});
    EXPECT_OK(signature);
    return signature->bytes;
  }
  absl::StatusOr<Verification> Check(std::shared_ptr<const PresentedSignature> presented,
                                     const PartnerKeyName& name = kBank) {
    VerifyRequest request;
    request.key = name;
    request.presented = std::move(presented);
    return Verify(request);
  }
  absl::StatusOr<Verification> CheckJws(const std::string& jws,
                                        const PartnerKeyName& name = kBank) {
    return Check(std::make_shared<PresentedJws>(jws, std::nullopt), name);
  }
  // What another program signs: a JWS of this header, by openssl.
  static std::string JwsBy(const OpensslKey& partner, const std::string& header,
                           const std::string& options) {
    const std::string input =
        absl::StrCat(crypto::ToBase64Url(header), ".", crypto::ToBase64Url(kPayload));
    return absl::StrCat(input, ".", crypto::ToBase64Url(partner.Sign(input, options)));
  }
  static http::Message Payment() {
    http::Message message;
    message.method = "POST";
    message.scheme = "https";
    message.authority = "bank.example";
    message.path = "/payments";
    message.body = kPayload;
    return message;
  }
  static std::shared_ptr<PresentedMessage> Bare(const std::string& message,
                                                const std::string& signature) {
    return std::make_shared<PresentedMessage>(message, signature, SignatureEncoding::kDer,
                                              RsaPadding::kPss);
  }
  void ExpectValid(const absl::StatusOr<Verification>& verification) {
    ASSERT_OK(verification);
    EXPECT_EQ(verification->fault, Fault::kNone);
    EXPECT_EQ(verification->key_version, kBank.ToString());
  }
  void ExpectFault(const absl::StatusOr<Verification>& verification, Fault fault) {
    ASSERT_OK(verification);
    EXPECT_EQ(verification->fault, fault);
    EXPECT_EQ(verification->key_version, "");
  }

  const KeyName kTheirs{"globex", "theirs"};
};

TEST_F(PartnerSignatureTest, WhatOpensslSignsVerifiesWithEachKindOfKey) {
  const std::vector<std::pair<std::string, std::string>> kinds = {
      {"-algorithm EC -pkeyopt ec_paramgen_curve:P-256", "-rawin -digest sha256"},
      {"-algorithm EC -pkeyopt ec_paramgen_curve:P-384", "-rawin -digest sha384"},
      {"-algorithm ed25519", "-rawin"},
      {"-algorithm RSA -pkeyopt rsa_keygen_bits:2048",
       "-rawin -digest sha256 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:digest"}};
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    SCOPED_TRACE(kinds[i].first);
    const OpensslKey partner(kinds[i].first);
    const PartnerKeyName name{"acme", absl::StrCat("bank-", i)};
    const std::string pem = partner.public_pem();
    ASSERT_OK(
        world_.CreatePartnerKey(name, {.pem = pem, .not_after = world_.Now() + absl::Hours(24)}));
    const std::string signature = partner.Sign(kPayload, kinds[i].second);
    const auto verified = Check(Bare(kPayload, signature), name);
    ASSERT_OK(verified);
    EXPECT_TRUE(verified->valid());
    EXPECT_EQ(verified->key_version, name.ToString());
    EXPECT_EQ(LastCall(world_.store).action, "SigningService.Verify");
    EXPECT_EQ(LastCall(world_.store).resource, name.ToString());
    ExpectFault(Check(Bare("another", signature), name), Fault::kSignatureWrong);
    EXPECT_EQ(LastCall(world_.store).fault, "SIGNATURE_WRONG");
  }
}

TEST_F(PartnerSignatureTest, OfABatchEachSignatureHasItsOwnResult) {
  const OpensslKey partner("-algorithm ed25519");
  const std::string pem = partner.public_pem();
  ASSERT_OK(Register(pem, Purpose::kSign));
  BatchVerifyRequest request;
  request.key = kBank;
  request.presented = {Bare("one", partner.Sign("one", "-rawin")), Bare("two", "no signature"),
                       Bare("", "x")};
  const auto all = VerifyBatch(request);
  ASSERT_OK(all);
  ExpectValid((*all)[0]);
  ExpectFault((*all)[1], Fault::kSignatureWrong);
  EXPECT_THAT((*all)[2], HasReason(Reason::kFieldRequired));
}

TEST_F(PartnerSignatureTest, ADisabledAnExpiredAndAFutureKeyVerifyNothing) {
  const OpensslKey partner("-algorithm ed25519");
  const std::string pem = partner.public_pem();
  const absl::Time begin = world_.Now() + absl::Hours(1);
  ASSERT_OK(world_.CreatePartnerKey(
      kBank, {.pem = pem, .not_before = begin, .not_after = begin + absl::Hours(1)}));
  const auto good = Bare(kPayload, partner.Sign(kPayload, "-rawin"));
  EXPECT_THAT(Check(good), HasReason(Reason::kPartnerKeyNotYetValid));
  EXPECT_EQ(LastCall(world_.store).reason, "PARTNER_KEY_NOT_YET_VALID");
  world_.Advance(absl::Hours(1));
  ExpectValid(Check(good));
  world_.Advance(absl::Hours(1));
  ExpectValid(Check(good));
  world_.Advance(absl::Milliseconds(1));
  EXPECT_THAT(Check(good), HasReason(Reason::kPartnerKeyExpired));
  EXPECT_EQ(LastCall(world_.store).reason, "PARTNER_KEY_EXPIRED");
  ASSERT_OK(world_.DisablePartnerKey(kBank));
  EXPECT_THAT(Check(good), HasReason(Reason::kPartnerKeyDisabled));
  EXPECT_EQ(LastCall(world_.store).reason, "PARTNER_KEY_DISABLED");
  EXPECT_THAT(Check(good, {"acme", "nobody"}), HasReason(Reason::kKeyNotFound));
}

TEST_F(PartnerSignatureTest, JwsVerifyByAPartnersKey) {
  const auto half = PartnersOwn(Purpose::kJws, Algorithm::kEcP256);
  const std::string jws = SignedBy(std::make_shared<JwsSignature>(kPayload, JwsOptions{}));
  ASSERT_OK(Register(half->pem, Purpose::kJws));
  ExpectValid(CheckJws(jws));
  std::string other = jws;
  other[other.size() - 20] = other[other.size() - 20] == 'A' ? 'B' : 'A';
  ExpectFault(CheckJws(other), Fault::kSignatureWrong);
}

TEST_F(PartnerSignatureTest, EachFormVerifiesByAKeyOfItsPurposeAndNoOther) {
  const OpensslKey partner("-algorithm ed25519");
  const std::string pem = partner.public_pem();
  // Whatever is signed: the key's purpose comes first.
  http::Message message = Payment();
  message.fields = {{"signature-input", R"(sig1=("@method");created=1772323200)"},
                    {"signature", "sig1=:AAAA:"}};
  const std::string cose("\xd2\x84\x43\xa1\x01\x27\xa0\x41x\x41x", 11);
  const std::vector<std::pair<Purpose, std::shared_ptr<const PresentedSignature>>> forms = {
      {Purpose::kSign, Bare(kPayload, "x")},
      {Purpose::kJws, std::make_shared<PresentedJws>(JwsBy(partner, R"({"alg":"EdDSA"})", "-rawin"),
                                                     std::nullopt)},
      {Purpose::kHttp,
       std::make_shared<PresentedHttpMessage>(message, "", std::vector<std::string>{})},
      {Purpose::kWebhook, std::make_shared<PresentedWebhook>(
                              std::vector<http::Field>{{http::kWebhookId, "msg_1"},
                                                       {http::kWebhookTimestamp, "1772323200"},
                                                       {http::kWebhookSignature, "v1a,AAAA"}},
                              kPayload)},
      {Purpose::kCose, std::make_shared<PresentedCose>(cose, std::nullopt, "")}};
  for (std::size_t i = 0; i < forms.size(); ++i) {
    const auto& [purpose, form] = forms[i];
    const PartnerKeyName name{absl::StrCat("tenant-", i), "bank"};
    ASSERT_OK(world_.CreatePartnerKey(
        name, {.purpose = purpose, .pem = pem, .not_after = world_.Now() + absl::Hours(1)}));
    for (const auto& [other, presented] : forms) {
      SCOPED_TRACE(absl::StrCat(i, " ", static_cast<int>(other)));
      const auto checked = Check(presented, name);
      if (other == purpose) {
        EXPECT_OK(checked);
      } else {
        EXPECT_THAT(checked, HasReason(Reason::kKeyPurposeMismatch));
      }
    }
  }
}

TEST_F(PartnerSignatureTest, WhoeverSaysAnotherAlgorithmThanTheKeysIsNotVerified) {
  const OpensslKey rsa("-algorithm RSA -pkeyopt rsa_keygen_bits:2048");
  constexpr char kPss[] = " -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:digest";
  const std::string sha256 = absl::StrCat("-rawin -digest sha256", kPss);
  const std::string sha512 = absl::StrCat("-rawin -digest sha512", kPss);
  const std::string pem = rsa.public_pem();
  ASSERT_OK(Register(pem, Purpose::kJws));
  ExpectValid(CheckJws(JwsBy(rsa, R"({"alg":"PS256"})", sha256)));
  ExpectFault(CheckJws(JwsBy(rsa, R"({"alg":"PS512"})", sha512)), Fault::kAlgorithmMismatch);
  ExpectFault(CheckJws(JwsBy(rsa, R"({"alg":"PS256"})", sha512)), Fault::kSignatureWrong);
  ExpectFault(CheckJws(JwsBy(rsa, R"({"alg":"none"})", sha256)), Fault::kAlgorithmMismatch);
  // A MAC whose key everybody knows.
  const std::string input =
      absl::StrCat(crypto::ToBase64Url(R"({"alg":"HS256"})"), ".", crypto::ToBase64Url(kPayload));
  // Of a key that is longer than a block, HMAC takes the hash (FIPS 198-1 step 2).
  const auto key = crypto::SecretKey<32>::From(crypto::SecretBytes::CopyOf(crypto::Sha256(pem)));
  ASSERT_OK(key);
  const std::string mac(crypto::AsText(crypto::HmacSha256::Create(*key).value()->Compute(input)));
  ExpectFault(CheckJws(absl::StrCat(input, ".", crypto::ToBase64Url(mac))),
              Fault::kAlgorithmMismatch);
}

TEST_F(PartnerSignatureTest, AnEcdsaSignatureIsNoneOfAnEd25519Key) {
  const OpensslKey edwards("-algorithm ed25519");
  const OpensslKey ec("-algorithm EC -pkeyopt ec_paramgen_curve:P-256");
  const std::string pem = edwards.public_pem();
  ASSERT_OK(Register(pem, Purpose::kSign));
  ExpectFault(Check(Bare(kPayload, ec.Sign(kPayload, "-rawin -digest sha256"))),
              Fault::kSignatureWrong);
}

TEST_F(PartnerSignatureTest, AKeyOfOneTenantIsNotAnothers) {
  const OpensslKey partner("-algorithm ed25519");
  const std::string pem = partner.public_pem();
  ASSERT_OK(Register(pem, Purpose::kSign));
  const auto good = Bare(kPayload, partner.Sign(kPayload, "-rawin"));
  ExpectValid(Check(good));
  EXPECT_THAT(Check(good, {"globex", kBank.key}), HasReason(Reason::kKeyNotFound));
}

TEST_F(PartnerSignatureTest, AKeyWhoseDisablingMayBeDurableVerifiesNothing) {
  const OpensslKey partner("-algorithm ed25519");
  const std::string pem = partner.public_pem();
  ASSERT_OK(Register(pem, Purpose::kSign));
  const auto good = Bare(kPayload, partner.Sign(kPayload, "-rawin"));
  ExpectValid(Check(good));
  ASSERT_OK(world_.journal().CheckpointNow());
  world_.store.FailCommit(keysvc::testing::MemoryStore::CommitFault::kDoneButUnknown);
  world_.store.Fail(keysvc::testing::MemoryStore::Step::kReopen, std::numeric_limits<int>::max());
  ASSERT_THAT(world_.DisablePartnerKey(kBank), HasReason(Reason::kOutcomeUnknown));
  world_.store.Heal();
  absl::StatusOr<Verification> checked = Check(good);
  while (ReasonOf(checked.status()) != Reason::kPartnerKeyDisabled) {
    EXPECT_THAT(checked, ::testing::AnyOf(HasReason(Reason::kAuditUnavailable),
                                          HasReason(Reason::kOutcomeUnknown)));
    checked = Check(good);
  }
}

TEST_F(PartnerSignatureTest, HttpMessagesVerifyByAPartnersKeyWhoseKeyidTheyHave) {
  const auto half = PartnersOwn(Purpose::kHttp, Algorithm::kEcP256);
  ASSERT_OK(Register(half->pem, Purpose::kHttp, half->thumbprint));
  HttpSignatureOptions options;
  options.components = {"@method", "@target-uri", "content-digest"};
  http::Message message = Payment();
  const std::string lines = SignedBy(std::make_shared<HttpSignature>(message, options));
  for (const auto line : absl::StrSplit(lines, '\n', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> field =
        absl::StrSplit(line, absl::MaxSplits(": ", 1));
    message.fields.push_back({field.first, field.second});
  }
  const auto presented = [](const http::Message& sent) {
    return std::make_shared<PresentedHttpMessage>(sent, "", std::vector<std::string>{"@method"});
  };
  ExpectValid(Check(presented(message)));
  http::Message changed = message;
  changed.path = "/refunds";
  ExpectFault(Check(presented(changed)), Fault::kSignatureWrong);
  changed = message;
  *changed.body = "{}";
  ExpectFault(Check(presented(changed)), Fault::kDigestWrong);
  const PartnerKeyName named{"acme", "named"};
  ASSERT_OK(world_.CreatePartnerKey(named, {.purpose = Purpose::kHttp,
                                            .pem = half->pem,
                                            .kid = "another",
                                            .not_after = world_.Now() + absl::Hours(1)}));
  ExpectFault(Check(presented(message), named), Fault::kKeyUnknown);
}

TEST_F(PartnerSignatureTest, TheMessagesOfRfc9421VerifyByItsKeys) {
  const auto register_as = [this](const std::string& kid, const crypto::PublicKey& key) {
    const std::string pem = key.ToPem();
    EXPECT_OK(world_.CreatePartnerKey({"acme", kid}, {.purpose = Purpose::kHttp,
                                                      .pem = pem,
                                                      .kid = kid,
                                                      .not_after = world_.Now() + absl::Hours(1)}));
  };
  const auto expect_one_message = [this](const std::string& kid, http::Message message,
                                         const std::string& input, const std::string& signature) {
    SCOPED_TRACE(input);
    message.fields.push_back({"Signature-Input", "sig=" + input});
    message.fields.push_back({"Signature", "sig=" + signature});
    const auto fault = [&](const http::Message& sent) {
      return Check(std::make_shared<PresentedHttpMessage>(sent, "", std::vector<std::string>{}),
                   {"acme", kid})
          .value()
          .fault;
    };
    EXPECT_EQ(fault(message), Fault::kNone);
    http::Message changed = message;
    *changed.body += ' ';
    const bool covered = input.find("content-digest") != std::string::npos;
    EXPECT_EQ(fault(changed), covered ? Fault::kDigestWrong : Fault::kNone);
    changed = message;
    for (const char* name : {"Content-Digest", "Content-Type"}) {
      changed.fields.push_back({name, "sha-384=:AAAA:"});
    }
    EXPECT_EQ(fault(changed), Fault::kSignatureWrong);
  };
  register_as("test-key-rsa-pss", *http::RsaPssKey());
  register_as("test-key-ecc-p256", *http::P256Key());
  register_as("test-key-ed25519", *http::Ed25519Key());
  expect_one_message("test-key-rsa-pss", http::TheRequest(), http::kInputB22, http::kSignatureB22);
  expect_one_message("test-key-rsa-pss", http::TheRequest(), http::kInputB23, http::kSignatureB23);
  expect_one_message("test-key-ecc-p256", http::TheResponse(), http::kInputB24,
                     http::kSignatureB24);
  expect_one_message("test-key-ed25519", http::TheRequest(), http::kInputB26, http::kSignatureB26);
}

TEST_F(PartnerSignatureTest, AKidThatIsRegisteredHasToBeTheOneThatIsSent) {
  const auto half = PartnersOwn(Purpose::kJws, Algorithm::kEd25519);
  const std::string jws = SignedBy(std::make_shared<JwsSignature>(kPayload, JwsOptions{}));
  ASSERT_OK(Register(half->pem, Purpose::kJws, "2026-1"));
  ExpectFault(Check(std::make_shared<PresentedJws>(jws, std::nullopt)), Fault::kKeyUnknown);
  const PartnerKeyName named{"acme", "named"};
  ASSERT_OK(world_.CreatePartnerKey(named, {.purpose = Purpose::kJws,
                                            .pem = half->pem,
                                            .kid = half->thumbprint,
                                            .not_after = world_.Now() + absl::Hours(1)}));
  EXPECT_TRUE(Check(std::make_shared<PresentedJws>(jws, std::nullopt), named)->valid());
}

TEST_F(PartnerSignatureTest, WebhooksVerifyByAPartnersKey) {
  const auto half = PartnersOwn(Purpose::kWebhook, Algorithm::kEd25519);
  const std::string lines = SignedBy(std::make_shared<WebhookSignature>("msg_1", kPayload));
  ASSERT_OK(Register(half->pem, Purpose::kWebhook));
  const std::string value = lines.substr(lines.find("v1a,"));
  const auto fields = [&](const std::string& signature) {
    return std::vector<http::Field>{
        {http::kWebhookId, "msg_1"},
        {http::kWebhookTimestamp, absl::StrCat(absl::ToUnixSeconds(world_.Now()))},
        {http::kWebhookSignature, signature}};
  };
  const std::string signature = value.substr(0, value.find('\n'));
  ExpectValid(Check(std::make_shared<PresentedWebhook>(fields(signature), kPayload)));
  ExpectFault(Check(std::make_shared<PresentedWebhook>(fields(signature), "{}")),
              Fault::kSignatureWrong);
}

// The example of an asymmetric signature in the text of Standard Webhooks, "Signature scheme"; key
// and message are those of the test from which it was taken, in the server of Svix.
TEST_F(PartnerSignatureTest, ThePublishedWebhookByEd25519Verifies) {
  const auto key = crypto::PublicKey::FromEd25519(
      crypto::FromBase64("1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=").value());
  ASSERT_OK(key);
  ASSERT_OK(Register((*key)->ToPem(), Purpose::kWebhook));
  std::vector<http::Field> fields = {
      {http::kWebhookId, "msg_p5jXN8AQM9LWM0D4loKWxJek"},
      {http::kWebhookTimestamp, "1614265330"},
      {http::kWebhookSignature,
       "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+"
       "m7TBAg=="}};
  const std::string payload = R"({"test": 2432232314})";
  ExpectValid(Check(std::make_shared<PresentedWebhook>(fields, payload)));
  fields[1].value = "1614265331";
  ExpectFault(Check(std::make_shared<PresentedWebhook>(fields, payload)), Fault::kSignatureWrong);
}

TEST_F(PartnerSignatureTest, CoseMessagesVerifyByAPartnersKeyWhoseKidTheyHave) {
  const auto half = PartnersOwn(Purpose::kCose, Algorithm::kEcP384);
  const std::string message = SignedBy(std::make_shared<CoseSignature>(kPayload, CoseOptions{}));
  ASSERT_OK(Register(half->pem, Purpose::kCose, half->thumbprint));
  const auto presented = [&](const std::string& bytes) {
    return std::make_shared<PresentedCose>(bytes, std::nullopt, "");
  };
  ExpectValid(Check(presented(message)));
  std::string other = message;
  other.back() ^= 1;
  ExpectFault(Check(presented(other)), Fault::kSignatureWrong);
  const PartnerKeyName named{"acme", "named"};
  ASSERT_OK(world_.CreatePartnerKey(named, {.purpose = Purpose::kCose,
                                            .pem = half->pem,
                                            .kid = "another",
                                            .not_after = world_.Now() + absl::Hours(1)}));
  ExpectFault(Check(presented(message), named), Fault::kKeyUnknown);
}

TEST_F(PartnerSignatureTest, NobodyNeedsTheHsm) {
  const OpensslKey partner("-algorithm ed25519");
  const std::string pem = partner.public_pem();
  ASSERT_OK(Register(pem, Purpose::kSign));
  world_.hsm.FailEverything(Error(Reason::kHsmUnavailable, "away"));
  ExpectValid(Check(Bare(kPayload, partner.Sign(kPayload, "-rawin"))));
}

}  // namespace
}  // namespace keysvc::keys
