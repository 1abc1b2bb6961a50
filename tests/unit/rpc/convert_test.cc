#include "keysvc/rpc/convert.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "crypto/bytes.h"
#include "gtest/gtest.h"
#include "keysvc/rpc/signature_convert.h"
#include "status/reason.h"
#include "tests/support/status_matchers.h"

namespace keysvc::rpc {
namespace {

using testing::HasReason;

TEST(CheckRequestId, TakesUuidsOrNothing) {
  EXPECT_OK(CheckRequestId(""));
  EXPECT_OK(CheckRequestId("6f1e9a52-2d0c-4d5e-9c61-0b7a54c3d2e1"));
  EXPECT_OK(CheckRequestId("6F1E9A52-2D0C-4D5E-9C61-0B7A54C3D2E1"));
  for (const std::string text :
       {"1", "6f1e9a522d0c4d5e9c610b7a54c3d2e1", "6f1e9a52-2d0c-4d5e-9c61-0b7a54c3d2e",
        "6f1e9a52-2d0c-4d5e-9c61-0b7a54c3d2e10", "6f1e9a52-2d0c-4d5e-9c61-0b7a54c3d2eg",
        "6f1e9a5-22d0c-4d5e-9c61-0b7a54c3d2e1"}) {
    const absl::Status status = CheckRequestId(text);
    EXPECT_THAT(status, HasReason(Reason::kFieldInvalid)) << text;
    EXPECT_EQ(FieldOf(status), "request_id");
  }
}

TEST(CheckPurpose, TakesWordsOfAtMost64Letters) {
  EXPECT_OK(CheckPurpose(""));
  EXPECT_OK(CheckPurpose("fraud-screening"));
  EXPECT_OK(CheckPurpose(std::string(64, 'a')));
  for (const std::string& text :
       {std::string("Fraud"), std::string("a b"), std::string("4111"), std::string(65, 'a')}) {
    EXPECT_THAT(CheckPurpose(text), HasReason(Reason::kFieldInvalid)) << text;
  }
}

TEST(TenantOf, TakesTheTenantOfItsNameOnly) {
  ASSERT_OK(TenantOf("tenants/acme"));
  EXPECT_EQ(*TenantOf("tenants/acme"), "acme");
  EXPECT_THAT(TenantOf(""), HasReason(Reason::kFieldRequired));
  for (const std::string text : {"acme", "tenants/", "tenants/Acme", "tenants/acme/", "tenants/*",
                                 "tenants/acme/keys/a", "tenants/4111111111111111"}) {
    EXPECT_THAT(TenantOf(text), HasReason(Reason::kFieldInvalid)) << text;
  }
}

TEST(CheckTokensProfile, TakesNothingOrAFullNameOfTheTenant) {
  EXPECT_OK(CheckTokensProfile("", "acme"));
  EXPECT_OK(CheckTokensProfile("tenants/acme/tokenProfiles/cards", "acme"));
  for (const char* text :
       {"cards", "tenants/acme/tokenProfiles/", "tenants/beta/tokenProfiles/cards",
        "tenants/acme-b/tokenProfiles/cards", "4111111111111111"}) {
    const absl::Status checked = CheckTokensProfile(text, "acme");
    EXPECT_THAT(checked, HasReason(Reason::kFieldInvalid)) << text;
    EXPECT_EQ(FieldOf(checked), "profile");
  }
}

TEST(CheckProfileName, TakesFullNamesOnly) {
  EXPECT_OK(CheckProfileName("tenants/acme/tokenProfiles/cards"));
  EXPECT_THAT(CheckProfileName(""), HasReason(Reason::kFieldRequired));
  for (const std::string text : {"t", "tenants", "tenants/", "tenants/acme", "tenants/acme/",
                                 "tenants/acme/tokenProfiles", "tenants/acme/tokenProfiles/",
                                 "tenants/acme/keys/cards", "tenants/acme/tokenProfiles/cards/x",
                                 "tenants//tokenProfiles/cards", "tenants/acme/tokenProfiles/*"}) {
    EXPECT_THAT(CheckProfileName(text), HasReason(Reason::kFieldInvalid)) << text;
  }
}

TEST(CheckBatchSize, IsOneToAHundred) {
  EXPECT_THAT(CheckBatchSize(0), HasReason(Reason::kBatchSize));
  EXPECT_OK(CheckBatchSize(1));
  EXPECT_OK(CheckBatchSize(100));
  EXPECT_THAT(CheckBatchSize(101), HasReason(Reason::kBatchSize));
}

TEST(TakeCard, WipesTheMessage) {
  v1::Card card;
  card.set_pan("4111111111111111");
  card.set_expiry("2030-12");
  card.set_cardholder_name("A CARDHOLDER");
  const auto taken = TakeCard(card);
  ASSERT_OK(taken);
  EXPECT_EQ(crypto::AsText(taken->pan.Expose(crypto::SecretAccess::kGranted)), "4111111111111111");
  EXPECT_EQ(card.pan(), std::string(16, '\0'));
  EXPECT_EQ(card.cardholder_name(), std::string(12, '\0'));
}

TEST(TakeCard, WipesTheMessageOfARefusedCardToo) {
  v1::Card card;
  card.set_pan("4111111111111112");
  EXPECT_THAT(TakeCard(card), HasReason(Reason::kPanInvalid));
  EXPECT_EQ(card.pan(), std::string(16, '\0'));
}

tokenizer::RevealedCard Revealed(policy::Reveal reveal) {
  tokenizer::RevealedCard card;
  card.reveal = reveal;
  card.masked_pan = "411111******1111";
  return card;
}

TEST(ToMessage, ShowsTheCardAtFullRevealOnly) {
  tokenizer::RevealedCard full = Revealed(policy::Reveal::kFull);
  v1::Card card;
  card.set_pan("4111111111111111");
  card.set_expiry("2030-12");
  full.full = *TakeCard(card);
  const v1::DetokenizeResponse shown = ToMessage(full);
  EXPECT_EQ(shown.reveal(), v1::REVEAL_FULL);
  EXPECT_EQ(shown.card().pan(), "4111111111111111");
  EXPECT_EQ(shown.card().expiry(), "2030-12");

  const v1::DetokenizeResponse masked = ToMessage(Revealed(policy::Reveal::kMasked));
  EXPECT_EQ(masked.reveal(), v1::REVEAL_MASKED);
  EXPECT_FALSE(masked.has_card());
  EXPECT_EQ(masked.masked_pan(), "411111******1111");
}

v1::CreateKeyRequest NewKey(v1::KeyPurpose purpose, v1::KeyAlgorithm algorithm) {
  v1::CreateKeyRequest request;
  request.set_purpose(purpose);
  request.set_algorithm(algorithm);
  request.set_cryptoperiod_days(365);
  return request;
}

TEST(ParametersOf, PairsPurposesWithTheirAlgorithms) {
  struct Row {
    v1::KeyPurpose purpose;
    v1::KeyAlgorithm algorithm;
    std::optional<keys::Algorithm> expected;
  };
  const std::vector<Row> rows = {
      {v1::KEY_PURPOSE_SIGN, v1::KEY_ALGORITHM_EC_P256, keys::Algorithm::kEcP256},
      {v1::KEY_PURPOSE_SIGN, v1::KEY_ALGORITHM_RSA_2048, keys::Algorithm::kRsa2048},
      {v1::KEY_PURPOSE_SIGN, v1::KEY_ALGORITHM_RSA_3072, keys::Algorithm::kRsa3072},
      {v1::KEY_PURPOSE_SIGN, v1::KEY_ALGORITHM_EC_P384, keys::Algorithm::kEcP384},
      {v1::KEY_PURPOSE_JWS, v1::KEY_ALGORITHM_RSA_4096_SHA512, keys::Algorithm::kRsa4096Sha512},
      {v1::KEY_PURPOSE_SIGN, v1::KEY_ALGORITHM_RSA_3072_SHA384, keys::Algorithm::kRsa3072Sha384},
      {v1::KEY_PURPOSE_MAC, v1::KEY_ALGORITHM_HMAC_SHA256, keys::Algorithm::kHmacSha256},
      {v1::KEY_PURPOSE_MAC, v1::KEY_ALGORITHM_HMAC_SHA512, keys::Algorithm::kHmacSha512},
      {v1::KEY_PURPOSE_MAC, v1::KEY_ALGORITHM_AES_256_CMAC, keys::Algorithm::kAes256Cmac},
      {v1::KEY_PURPOSE_SIGN, v1::KEY_ALGORITHM_AES_256_CMAC, std::nullopt},
      {v1::KEY_PURPOSE_MAC, v1::KEY_ALGORITHM_AES_256, std::nullopt},
      {v1::KEY_PURPOSE_MAC, v1::KEY_ALGORITHM_RSA_4096, std::nullopt},
      {v1::KEY_PURPOSE_SIGN, v1::KEY_ALGORITHM_HMAC_SHA256, std::nullopt},
      {v1::KEY_PURPOSE_SIGN, v1::KEY_ALGORITHM_AES_256, std::nullopt},
      {v1::KEY_PURPOSE_MAC, v1::KEY_ALGORITHM_EC_P256, std::nullopt},
      {v1::KEY_PURPOSE_WEBHOOK, v1::KEY_ALGORITHM_ED25519, keys::Algorithm::kEd25519},
      {v1::KEY_PURPOSE_WEBHOOK, v1::KEY_ALGORITHM_HMAC_SHA256, keys::Algorithm::kHmacSha256},
      {v1::KEY_PURPOSE_WEBHOOK, v1::KEY_ALGORITHM_HMAC_SHA512, std::nullopt},
      {v1::KEY_PURPOSE_TIMESTAMPED_WEBHOOK, v1::KEY_ALGORITHM_HMAC_SHA256,
       keys::Algorithm::kHmacSha256},
      {v1::KEY_PURPOSE_TIMESTAMPED_WEBHOOK, v1::KEY_ALGORITHM_ED25519, std::nullopt},
      {v1::KEY_PURPOSE_SECRET_DELIVERY, v1::KEY_ALGORITHM_RSA_3072, std::nullopt},
      {v1::KEY_PURPOSE_SECRET_IMPORT, v1::KEY_ALGORITHM_RSA_3072, keys::Algorithm::kRsa3072},
      {v1::KEY_PURPOSE_SECRET_IMPORT, v1::KEY_ALGORITHM_RSA_4096, keys::Algorithm::kRsa4096},
      {v1::KEY_PURPOSE_SECRET_IMPORT, v1::KEY_ALGORITHM_RSA_2048, std::nullopt},
      {v1::KEY_PURPOSE_SHARED_MAC, v1::KEY_ALGORITHM_AES_256_CMAC, keys::Algorithm::kAes256Cmac},
      {v1::KEY_PURPOSE_SHARED_MAC, v1::KEY_ALGORITHM_HMAC_SHA384, keys::Algorithm::kHmacSha384},
      {v1::KEY_PURPOSE_SHARED_MAC, v1::KEY_ALGORITHM_EC_P256, std::nullopt},
      {v1::KEY_PURPOSE_SIGN, v1::KEY_ALGORITHM_UNSPECIFIED, std::nullopt},
      {v1::KEY_PURPOSE_UNSPECIFIED, v1::KEY_ALGORITHM_EC_P256, std::nullopt},
      {v1::KEY_PURPOSE_DATA, v1::KEY_ALGORITHM_AES_256, std::nullopt},
      {static_cast<v1::KeyPurpose>(99), v1::KEY_ALGORITHM_EC_P256, std::nullopt},
      {v1::KEY_PURPOSE_SIGN, static_cast<v1::KeyAlgorithm>(99), std::nullopt},
  };
  for (const Row& row : rows) {
    const auto parameters = ParametersOf(NewKey(row.purpose, row.algorithm));
    ASSERT_EQ(parameters.ok(), row.expected.has_value()) << row.purpose << " " << row.algorithm;
    if (!parameters.ok()) continue;
    EXPECT_EQ(parameters->algorithm, *row.expected);
    const bool shared =
        row.purpose == v1::KEY_PURPOSE_TIMESTAMPED_WEBHOOK ||
        row.purpose == v1::KEY_PURPOSE_SHARED_MAC ||
        (row.purpose == v1::KEY_PURPOSE_WEBHOOK && row.algorithm == v1::KEY_ALGORITHM_HMAC_SHA256);
    EXPECT_EQ(parameters->protection, shared ? keys::Protection::kShared : keys::Protection::kHsm);
    EXPECT_EQ(parameters->cryptoperiod, absl::Hours(24 * 365));
  }
}

TEST(ImportOf, NamesTheFieldThatIsMissingOrWrong) {
  const keys::KeyName name{"acme", "hooks"};
  v1::ImportKeyRequest right;
  right.set_purpose(v1::KEY_PURPOSE_WEBHOOK);
  right.set_algorithm(v1::KEY_ALGORITHM_HMAC_SHA256);
  right.set_cryptoperiod_days(30);
  right.set_import_key("tenants/acme/keys/import/versions/2");
  right.set_wrapping(v1::KEY_WRAPPING_RSA_AES_SHA1);
  right.set_wrapped_secret("wrapped");
  v1::ImportKeyRequest taken = right;
  const auto import = ImportOf(taken, name);
  ASSERT_OK(import);
  EXPECT_EQ(import->name, name);
  EXPECT_EQ(import->parameters.protection, keys::Protection::kShared);
  EXPECT_EQ(import->parameters.cryptoperiod, absl::Hours(24 * 30));
  EXPECT_EQ(import->import_key.version, 2U);
  EXPECT_EQ(import->secret.wrapping, pkcs11::Wrapping::kRsaAesSha1);
  EXPECT_EQ(import->secret.bytes, "wrapped");

  struct Wrong {
    void (*change)(v1::ImportKeyRequest& request);
    Reason reason;
    const char* field;
  };
  for (const Wrong& wrong : std::vector<Wrong>{
           {[](auto& request) { request.clear_purpose(); }, Reason::kFieldRequired, "purpose"},
           {[](auto& request) { request.clear_algorithm(); }, Reason::kFieldRequired, "algorithm"},
           {[](auto& request) { request.clear_cryptoperiod_days(); }, Reason::kFieldInvalid,
            "cryptoperiod_days"},
           {[](auto& request) { request.clear_import_key(); }, Reason::kFieldRequired,
            "import_key"},
           {[](auto& request) { request.set_import_key("import"); }, Reason::kFieldInvalid,
            "import_key"},
           {[](auto& request) { request.clear_wrapping(); }, Reason::kFieldRequired, "wrapping"},
           {[](auto& request) { request.set_wrapping(static_cast<v1::KeyWrapping>(5)); },
            Reason::kFieldInvalid, "wrapping"},
           {[](auto& request) { request.clear_wrapped_secret(); }, Reason::kFieldRequired,
            "wrapped_secret"}}) {
    v1::ImportKeyRequest request = right;
    wrong.change(request);
    const absl::Status refused = ImportOf(request, name).status();
    EXPECT_EQ(ReasonOf(refused), wrong.reason) << wrong.field;
    EXPECT_EQ(FieldOf(refused), wrong.field);
  }
}

TEST(ParametersOf, BoundsTheCryptoperiod) {
  v1::CreateKeyRequest request = NewKey(v1::KEY_PURPOSE_SIGN, v1::KEY_ALGORITHM_EC_P256);
  for (const std::uint32_t days : {0U, 1096U}) {
    request.set_cryptoperiod_days(days);
    EXPECT_EQ(FieldOf(ParametersOf(request).status()), "cryptoperiod_days");
  }
  for (const std::uint32_t days : {1U, 1095U}) {
    request.set_cryptoperiod_days(days);
    EXPECT_OK(ParametersOf(request));
  }
}

TEST(ToMessage, ListsVersionsNewestFirst) {
  std::vector<keys::KeyVersion> versions(3);
  for (std::uint32_t i = 0; i < 3; ++i) {
    versions[i].name = {.key = {.tenant = "acme", .key = "orders"}, .version = i + 1};
    versions[i].state = i == 2 ? keys::KeyState::kActive : keys::KeyState::kDeactivated;
  }
  versions[1].kid = "directory";
  const v1::Key key = ToMessage(versions).value();
  EXPECT_EQ(key.name(), "tenants/acme/keys/orders");
  EXPECT_EQ(key.purpose(), v1::KEY_PURPOSE_SIGN);
  ASSERT_EQ(key.versions_size(), 3);
  EXPECT_EQ(key.versions(0).name(), "tenants/acme/keys/orders/versions/3");
  EXPECT_EQ(key.versions(0).state(), v1::KEY_STATE_ACTIVE);
  EXPECT_EQ(key.versions(0).algorithm(), v1::KEY_ALGORITHM_EC_P256);
  EXPECT_EQ(key.versions(2).state(), v1::KEY_STATE_DEACTIVATED);
  EXPECT_EQ(key.versions(0).kid(), "");
  EXPECT_EQ(key.versions(1).kid(), "directory");
}

TEST(ToMessage, SaysNothingOfAKeyWhoseCertificatesCannotBeRead) {
  std::vector<keys::KeyVersion> versions(1);
  versions.front().certificates = "der";
  EXPECT_THAT(ToMessage(versions), HasReason(Reason::kIntegrityFailure));
}

TEST(ToTimestamp, HasNanosecondsNeverNegative) {
  const auto before = ToTimestamp(absl::FromUnixMillis(-1));
  EXPECT_EQ(before.seconds(), -1);
  EXPECT_EQ(before.nanos(), 999'000'000);
  const auto after = ToTimestamp(absl::FromUnixNanos(1'500'000'001));
  EXPECT_EQ(after.seconds(), 1);
  EXPECT_EQ(after.nanos(), 500'000'001);
}

TEST(TimeOf, IsTheOppositeAndKnowsNoOtherYears) {
  for (const absl::Time time :
       {absl::FromUnixNanos(1'500'000'001), absl::FromUnixMillis(-1),
        absl::FromCivil(absl::CivilSecond(9999, 12, 31, 23, 59, 59), absl::UTCTimeZone())}) {
    EXPECT_EQ(TimeOf(ToTimestamp(time), "end").value(), time);
  }
  google::protobuf::Timestamp bad;
  bad.set_seconds(253'402'300'800);
  EXPECT_EQ(FieldOf(TimeOf(bad, "end").status()), "end");
  bad.set_seconds(-62'135'596'801);
  EXPECT_THAT(TimeOf(bad, "end"), HasReason(Reason::kFieldInvalid));
  bad.set_seconds(0);
  bad.set_nanos(1'000'000'000);
  EXPECT_THAT(TimeOf(bad, "end"), HasReason(Reason::kFieldInvalid));
  bad.set_nanos(-1);
  EXPECT_THAT(TimeOf(bad, "end"), HasReason(Reason::kFieldInvalid));
}

TEST(TakeMessage, TellsAnEmptyBodyFromNone) {
  v1::HttpMessage wire;
  EXPECT_FALSE(TakeMessage(wire).body.has_value());
  wire.set_body("");
  EXPECT_EQ(TakeMessage(wire).body, "");
  wire.set_body("a");
  EXPECT_EQ(TakeMessage(wire).body, "a");
}

TEST(ToItemError, CarriesWhatAStatusOnTheWireCarries) {
  const v1::ItemError error = ToItemError(Error(Reason::kPanInvalid, "not a card", "card.pan"));
  EXPECT_EQ(error.code(), 3);
  EXPECT_EQ(error.reason(), "PAN_INVALID");
  EXPECT_EQ(error.message(), "not a card");
  EXPECT_EQ(ToItemError(absl::UnknownError("4111111111111111")).message(), "the service failed");
}

}  // namespace
}  // namespace keysvc::rpc
