// The life of keys over a real token (SoftHSM2) and a real store (SQLCipher).
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "gtest/gtest.h"
#include "keysvc/keys/deployment.h"
#include "keysvc/keys/key_registry.h"
#include "keysvc/keys/message_signature.h"
#include "keysvc/keys/opened_keys.h"
#include "keysvc/keys/own_keys.h"
#include "keysvc/keys/partner_keys.h"
#include "keysvc/keys/presented_message.h"
#include "keysvc/keys/public_keys.h"
#include "keysvc/keys/signer.h"
#include "keysvc/keys/verifier.h"
#include "pkcs11/cryptoki_hsm.h"
#include "status/abseil.h"
#include "store/sqlcipher_store.h"
#include "tests/support/softhsm_token.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::SoftHsmToken;
using keysvc::testing::TemporaryDirectory;

constexpr char kIdentity[] = "spiffe://dev.keysvc.example/checkout";
constexpr char kMessage[] = "pay 12.50 EUR to merchant 4711";
const tokenizer::Profile kCards{"acme", "cards", 1, true};

class RealKeysTest : public ::testing::Test {
 protected:
  void SetUp() override {
    OpenHsm();
    auto key = InitializeDeployment(deployment_, *hsm_);
    ASSERT_OK(key);
    auto store = store::CreateSqlcipherStore(store_options_, *key);
    ASSERT_OK(store);
    store_ = *std::move(store);
    StartServices();
  }
  void TearDown() override { StopServices(); }

  void OpenHsm() {
    auto hsm = pkcs11::OpenToken(token_.options());
    ASSERT_OK(hsm);
    hsm_ = *std::move(hsm);
  }
  void StartServices() {
    wrapping_ = std::make_unique<KeyWrapping>(*hsm_, deployment_.name, 1);
    auto checkpoints = OpenCheckpointSigner(deployment_, *hsm_);
    ASSERT_OK(checkpoints);
    checkpoints_ = *std::move(checkpoints);
    audit::JournalOptions options;
    options.origin = "keysvc.example/test";
    options.checkpoint_directory = directory_.path();
    auto journal = audit::Journal::Start(*store_, *checkpoints_, std::move(options));
    ASSERT_OK(journal);
    journal_ = *std::move(journal);
    auto registry = KeyRegistry::Load(*hsm_, *wrapping_, *store_, *journal_, "test");
    ASSERT_OK(registry);
    registry_ = *std::move(registry);
    auto partner_keys =
        PartnerKeys::Load({*registry_, *store_, *journal_},
                          {*hsm_, deployment_.RegistryLabel(), deployment_.environment});
    ASSERT_OK(partner_keys);
    partner_keys_ = *std::move(partner_keys);
    keys_ = std::make_unique<OpenedKeys>(*registry_);
    signer_ = std::make_unique<Signer>(*registry_, *hsm_, *journal_, *store_, *keys_, public_keys_);
    verifier_ = std::make_unique<Verifier>(*registry_, *hsm_, *journal_, *store_, *keys_,
                                           public_keys_, *partner_keys_, nonce_places_);
  }
  void StopServices() {
    journal_->Stop();
    signer_.reset();
    verifier_.reset();
    keys_.reset();
    registry_.reset();
    journal_.reset();
    checkpoints_.reset();
    wrapping_.reset();
    store_.reset();
    hsm_.reset();
  }
  void Restart() {
    StopServices();
    OpenHsm();
    auto key = OpenDatabaseKey(deployment_, *hsm_);
    ASSERT_OK(key);
    auto store = store::OpenSqlcipherStore(store_options_, *key);
    ASSERT_OK(store);
    store_ = *std::move(store);
    StartServices();
  }

  policy::Permit PermitFor(policy::Action action, std::string_view resource) {
    using enum policy::Action;
    policy::Policy policy;
    policy.principals = {{"checkout", kIdentity, policy::PrincipalKind::kService, {"all"}}};
    policy.rules = {{"all-keys",
                     {"all"},
                     {kSign, kVerify, kCreateKey, kRotateKey},
                     {"tenants/*", "tenants/*/keys/*"},
                     {},
                     policy::Reveal::kLastFour}};
    const policy::Gate gate(std::make_shared<const policy::Policy>(std::move(policy)));
    return *gate.Authorize(*gate.Identify(kIdentity, "here"), action, resource);
  }

  absl::Status Create(const KeyName& name, Purpose purpose, Algorithm algorithm) {
    auto recorded = registry_->Create(PermitFor(policy::Action::kCreateKey, name.ToString()), name,
                                      {purpose, algorithm, Protection::kHsm, kYear}, "");
    return recorded.ok() ? recorded->value.status() : recorded.status();
  }
  absl::Status Rotate(const KeyName& name) {
    auto recorded =
        registry_->Rotate(PermitFor(policy::Action::kRotateKey, name.ToString()), name, "");
    return recorded.ok() ? recorded->value.status() : recorded.status();
  }
  Signature Sign(const KeyName& name) {
    std::promise<absl::StatusOr<Signature>> answer;
    SignRequest request;
    request.key = name;
    request.format =
        std::make_shared<MessageSignature>(kMessage, SignatureEncoding::kDer, RsaPadding::kPss);
    signer_->Sign(PermitFor(policy::Action::kSign, name.ToString()), std::move(request),
                  [&answer](absl::StatusOr<audit::Recorded<Signature>> recorded) {
                    answer.set_value(std::move(recorded->value));
                  });
    auto signature = answer.get_future().get();
    EXPECT_OK(signature);
    return *std::move(signature);
  }
  Verification Verify(const Signature& signature, const std::string& message) {
    std::promise<absl::StatusOr<Verification>> answer;
    VerifyRequest request;
    request.key = KeyVersionName{.key = signature.key_version.key};
    request.presented = std::make_shared<PresentedMessage>(
        message, signature.bytes, SignatureEncoding::kDer, RsaPadding::kPss);
    policy::Permit permit = PermitFor(policy::Action::kVerify, ResourceOf(request.key));
    verifier_->Verify(std::move(permit), request,
                      [&answer](absl::StatusOr<audit::Recorded<Verification>> recorded) {
                        answer.set_value(std::move(recorded->value));
                      });
    auto verification = answer.get_future().get();
    EXPECT_OK(verification);
    return *std::move(verification);
  }

  SoftHsmToken token_;
  TemporaryDirectory directory_;
  const Deployment deployment_{"dev", "test", directory_.File("keysvc.sidecar")};
  const store::SqlcipherOptions store_options_{
      .path = directory_.File("keysvc.db"), .deployment = "dev", .environment = "test"};
  std::unique_ptr<pkcs11::Hsm> hsm_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<KeyWrapping> wrapping_;
  std::unique_ptr<audit::CheckpointSigner> checkpoints_;
  std::unique_ptr<audit::Journal> journal_;
  std::unique_ptr<KeyRegistry> registry_;
  std::unique_ptr<PartnerKeys> partner_keys_;
  std::unique_ptr<OpenedKeys> keys_;
  PublicKeys public_keys_;
  std::unique_ptr<Signer> signer_;
  NoncePlaces nonce_places_;
  std::unique_ptr<Verifier> verifier_;
};

TEST_F(RealKeysTest, SigningKeysOutliveRotationAndRestart) {
  const std::pair<Purpose, Algorithm> kinds[] = {
      {Purpose::kSign, Algorithm::kEcP256},        {Purpose::kSign, Algorithm::kRsa2048},
      {Purpose::kSign, Algorithm::kEd25519},       {Purpose::kSign, Algorithm::kEcP384},
      {Purpose::kSign, Algorithm::kRsa2048Sha512}, {Purpose::kMac, Algorithm::kHmacSha256},
      {Purpose::kMac, Algorithm::kHmacSha512},     {Purpose::kMac, Algorithm::kAes256Cmac}};
  for (const auto& [purpose, algorithm] : kinds) {
    const KeyName name{"acme", "key-" + absl::AsciiStrToLower(ToAbsl(NameOf(algorithm)))};
    SCOPED_TRACE(name.key);
    ASSERT_OK(Create(name, purpose, algorithm));
    EXPECT_THAT(Create(name, purpose, algorithm), HasReason(Reason::kKeyExists));
    const Signature old = Sign(name);
    ASSERT_OK(Rotate(name));
    const Signature fresh = Sign(name);
    EXPECT_EQ(fresh.key_version.version, 2u);
    Restart();
    for (const Signature& signature : {old, fresh}) {
      const Verification verification = Verify(signature, kMessage);
      EXPECT_TRUE(verification.valid());
      EXPECT_EQ(verification.key_version, signature.key_version.ToString());
      EXPECT_FALSE(Verify(signature, "pay 99.50 EUR to merchant 4711").valid());
    }
  }
  EXPECT_TRUE(registry_->orphans().empty());
}

TEST_F(RealKeysTest, AnotherKeyPairUnderTheLabelIsRefusedAtTheStart) {
  const auto load = [this] {
    return KeyRegistry::Load(*hsm_, *wrapping_, *store_, *journal_, "test").status();
  };
  // The last of them by name first, since a refusal names the first.
  const Algorithm algorithms[] = {Algorithm::kRsa2048, Algorithm::kEd25519, Algorithm::kEcP256};
  const auto name_of = [](Algorithm algorithm) {
    return KeyVersionName{{"acme", absl::AsciiStrToLower(ToAbsl(NameOf(algorithm)))}, 1};
  };
  for (const Algorithm algorithm : algorithms) {
    ASSERT_OK(Create(name_of(algorithm).key, Purpose::kSign, algorithm));
  }
  EXPECT_OK(load());
  for (const Algorithm algorithm : algorithms) {
    const KeyVersionName name = name_of(algorithm);
    SCOPED_TRACE(name.ToString());
    const std::string label = HsmLabelOf(deployment_.name, name);
    ASSERT_OK(hsm_->Destroy(label));
    ASSERT_OK(hsm_->Generate(label, *HsmKindOf(algorithm)));
    const absl::Status refused = load();
    EXPECT_THAT(refused, HasReason(Reason::kIntegrityFailure));
    EXPECT_NE(std::string(refused.message()).find(name.ToString()), std::string::npos);
  }
}

TEST_F(RealKeysTest, EnvelopeKeysOpenAgainAfterRotationAndRestart) {
  ASSERT_OK(registry_->EnsureProfileKeys(kCards));
  const auto data = keys_->DataKey(kCards);
  ASSERT_OK(data);
  const std::string sealed = *data->key->Seal(crypto::AsBytes("text"), "aad");
  ASSERT_OK(Rotate(DataKeyOf(kCards)));
  Restart();
  ASSERT_OK(registry_->EnsureProfileKeys(kCards));
  EXPECT_EQ(keys_->DataKey(kCards)->version, 2u);
  const auto old = keys_->DataKey(kCards, 1);
  ASSERT_OK(old);
  EXPECT_OK((*old)->Open(sealed, "aad"));
  EXPECT_OK(keys_->IndexKey(kCards));
  EXPECT_OK(keys_->TokenKey("acme"));
  EXPECT_OK(keys_->RowMacKey("acme"));
  EXPECT_OK(keys_->RequestKeysOf("acme"));
}

TEST_F(RealKeysTest, OpenKeysOutliveAnAbsentTokenAndNewOnesComeBackWithIt) {
  ASSERT_OK(registry_->EnsureProfileKeys(kCards));
  ASSERT_OK(keys_->DataKey(kCards));
  token_.TakeAway();
  EXPECT_OK(keys_->DataKey(kCards));
  keys_->Lock();
  EXPECT_FALSE(keys_->DataKey(kCards).ok());
  token_.BringBack();
  absl::Status back;
  for (int i = 0; i < 200; ++i) {
    back = keys_->DataKey(kCards).status();
    if (back.ok()) break;
  }
  EXPECT_OK(back);
}

}  // namespace
}  // namespace keysvc::keys
