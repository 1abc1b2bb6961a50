// What a key version signs in each of its states, from the store through the registry to the HSM.
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "audit/checkpoint.h"
#include "crypto/digest.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "keysvc/keys/call_record.h"
#include "keysvc/keys/cose_signature.h"
#include "keysvc/keys/csr_signature.h"
#include "keysvc/keys/digest_signature.h"
#include "keysvc/keys/http_signature.h"
#include "keysvc/keys/jws_signature.h"
#include "keysvc/keys/key_version_row.h"
#include "keysvc/keys/logged_keys.h"
#include "keysvc/keys/message_signature.h"
#include "keysvc/keys/timestamped_webhook_signature.h"
#include "keysvc/keys/webhook_signature.h"
#include "tests/fakes/software_signer.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/keys/key_world.h"
#include "tests/unit/keys/signing_fixture.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::HsmVerb;
using keysvc::testing::LastCall;

// Something to be signed, and the key that it takes.
struct Form {
  KeyName key;
  KeyParameters parameters;
  std::shared_ptr<const SignatureFormat> format;
};

HttpSignatureOptions OfTheMethod() {
  HttpSignatureOptions options;
  options.components = {"@method"};
  return options;
}

std::vector<Form> AllForms() {
  using enum Purpose;
  using enum Algorithm;
  http::Message message;
  message.method = "GET";
  const KeyParameters sign{};
  const auto kind = [](Purpose purpose, Algorithm algorithm, Protection protection) {
    return KeyParameters{purpose, algorithm, protection, kYear};
  };
  std::vector<Form> forms = {
      {{},
       sign,
       std::make_shared<MessageSignature>("m", SignatureEncoding::kDer, RsaPadding::kPss)},
      {{},
       sign,
       std::make_shared<DigestSignature>(std::string(32, 'd'), SignatureEncoding::kDer,
                                         RsaPadding::kPss)},
      {{}, sign, std::make_shared<CsrSignature>(crypto::CertificateSubject{.common_name = "a"}, 0)},
      {{}, sign, std::make_shared<CsrSignature>(crypto::CertificateSubject{.common_name = "a"}, 1)},
      {{},
       kind(kMac, kHmacSha256, Protection::kHsm),
       std::make_shared<MessageSignature>("m", SignatureEncoding::kDer, RsaPadding::kPss)},
      {{},
       kind(kSharedMac, kAes256Cmac, Protection::kShared),
       std::make_shared<MessageSignature>("m", SignatureEncoding::kDer, RsaPadding::kPss)},
      {{},
       kind(kJws, kEcP256, Protection::kHsm),
       std::make_shared<JwsSignature>("{}", JwsOptions{})},
      {{},
       kind(kHttp, kEcP256, Protection::kHsm),
       std::make_shared<HttpSignature>(message, OfTheMethod())},
      {{},
       kind(kCose, kEd25519, Protection::kHsm),
       std::make_shared<CoseSignature>("c", CoseOptions{})},
      {{},
       kind(kWebhook, kEd25519, Protection::kHsm),
       std::make_shared<WebhookSignature>("msg_1", "{}")},
      {{},
       kind(kWebhook, kHmacSha256, Protection::kShared),
       std::make_shared<WebhookSignature>("msg_1", "{}")},
      {{},
       kind(kTimestampedWebhook, kHmacSha256, Protection::kShared),
       std::make_shared<TimestampedWebhookSignature>("acme-signature", "{}")}};
  for (std::size_t i = 0; i < forms.size(); ++i) {
    forms[i].key = {"acme", "form-" + std::to_string(i)};
  }
  return forms;
}

class KeyStateTest : public SigningTest {
 protected:
  // Puts the primary version of every key into the state, as a change of the registry's would be
  // written, and starts anew.
  void StartWithAllIn(KeyState state) {
    const KeyVersionRows rows(world_.hsm, world_.deployment.RegistryLabel());
    const std::vector<store::KeyVersionRow> stored = world_.store.ListKeyVersions().value();
    store::Mutation mutation;
    for (const store::KeyVersionRow& row : stored) {
      KeyRecord record = rows.Open(row).value();
      if (record.version.parameters.purpose == Purpose::kRequest) continue;
      record.version.state = state;
      record.revision += 1;
      mutation.keys.push_back(rows.Seal(record).value());
    }
    audit::Entry entry = SystemEntry("KeyService.Recovered", "");
    entry.details["keys"] = KeyRowsDigest(stored, mutation.keys);
    ASSERT_OK(world_.journal().Record(std::move(entry), std::move(mutation)));
    Close();
    ASSERT_OK(world_.Restart());
    Open();
  }
  absl::StatusOr<Signature> Signed(const Form& form) {
    return Sign(SignRequest{form.key, form.format, {}, {}});
  }
};

TEST_F(KeyStateTest, OnlyAnActiveVersionSignsInWhateverForm) {
  const std::vector<Form> forms = AllForms();
  for (const Form& form : forms) ASSERT_OK(world_.Create(form.key, form.parameters));
  for (const KeyState state : {KeyState::kActive, KeyState::kSuspended, KeyState::kDeactivated,
                               KeyState::kCompromised, KeyState::kActive}) {
    SCOPED_TRACE(NameOf(state));
    StartWithAllIn(state);
    const std::size_t before = world_.hsm.calls(HsmVerb::kSign);
    for (const Form& form : forms) {
      SCOPED_TRACE(form.key.key);
      const auto signature = Signed(form);
      if (state == KeyState::kActive) {
        EXPECT_OK(signature);
        continue;
      }
      EXPECT_THAT(signature, HasReason(Reason::kKeyNotActive));
      EXPECT_EQ(LastCall(world_.store).reason, "KEY_NOT_ACTIVE");
    }
    const std::size_t made = world_.hsm.calls(HsmVerb::kSign) - before;
    EXPECT_EQ(made, state == KeyState::kActive ? forms.size() : 0);
  }
}

// The other two states are those of versions that are no key yet, or none any more.
TEST_F(KeyStateTest, AVersionThatWaitsOrWasNeverMadeSignsNothing) {
  const std::vector<Form> forms = AllForms();
  for (const Form& form : forms) {
    SCOPED_TRACE(form.key.key);
    world_.hsm.FailNext(HsmVerb::kGenerate, Error(Reason::kHsmFailure, "broken"));
    ASSERT_THAT(world_.Create(form.key, form.parameters), HasReason(Reason::kHsmFailure));
    EXPECT_EQ(world_.registry().Versions(form.key)->front().state, KeyState::kDestroyed);
    EXPECT_THAT(Signed(form), HasReason(Reason::kKeyNotFound));
  }
  const Form jws = {{"acme", "next"},
                    {Purpose::kJws, Algorithm::kEcP256, Protection::kHsm, kYear},
                    std::make_shared<JwsSignature>("{}", JwsOptions{})};
  ASSERT_OK(world_.Create(jws.key, jws.parameters));
  ASSERT_OK(world_.CreateVersion(jws.key));
  EXPECT_EQ(Signed(jws)->key_version.version, 1U);
}

TEST_F(KeyStateTest, NoStoreMakesAVersionPrimaryThatIsNoKey) {
  for (const KeyState state : {KeyState::kPreActivation, KeyState::kDestroyed}) {
    SCOPED_TRACE(NameOf(state));
    keysvc::testing::KeyWorld world;
    ASSERT_OK(world.Start());
    const KeyName name{"acme", "orders"};
    ASSERT_OK(world.Create(name, {}));
    const KeyVersionRows rows(world.hsm, world.deployment.RegistryLabel());
    const std::vector<store::KeyVersionRow> stored = world.store.ListKeyVersions().value();
    store::Mutation mutation;
    for (const store::KeyVersionRow& row : stored) {
      if (row.key != name.key) continue;
      KeyRecord record = rows.Open(row).value();
      record.version.state = state;
      record.revision += 1;
      mutation.keys.push_back(rows.Seal(record).value());
    }
    audit::Entry entry = SystemEntry("KeyService.Recovered", "");
    entry.details["keys"] = KeyRowsDigest(stored, mutation.keys);
    ASSERT_OK(world.journal().Record(std::move(entry), std::move(mutation)));
    world.journal().Stop();
    EXPECT_THAT(world.Restart(), HasReason(Reason::kIntegrityFailure));
  }
}

// Has the service sign checkpoints by a key of the purpose sign.
class SignedAsMessages : public audit::CheckpointSigner {
 public:
  using SignText = std::function<absl::StatusOr<Signature>(std::string text)>;
  SignedAsMessages(SignText sign, std::string public_key)
      : sign_(std::move(sign)), public_key_(std::move(public_key)) {}

  absl::StatusOr<std::string> Sign(std::string_view text) override {
    auto signature = sign_(std::string(text));
    if (!signature.ok()) return signature.status();
    return std::move(signature->bytes);
  }
  const std::string& public_key() const override { return public_key_; }

 private:
  const SignText sign_;
  const std::string public_key_;
};

// Such a key signs whatever it is given; only the log's own key makes a checkpoint of it.
TEST_F(KeyStateTest, ASignatureOverTheTextOfACheckpointIsNoCheckpoint) {
  const KeyName orders{"acme", "orders"};
  const auto version =
      world_.Create(orders, {Purpose::kSign, Algorithm::kEd25519, Protection::kHsm, kYear});
  ASSERT_OK(version);
  SignedAsMessages signer(
      [&](std::string text) {
        return Sign(SignRequest{orders,
                                std::make_shared<MessageSignature>(
                                    std::move(text), SignatureEncoding::kDer, RsaPadding::kPss),
                                {},
                                {}});
      },
      version->public_key);
  const audit::Checkpoint checkpoint{"keysvc.example/test", 7, crypto::Sha256("root")};
  std::string note = audit::SignCheckpoint(checkpoint, signer).value();
  const std::string own = audit::VerifierKey(checkpoint.origin, version->public_key);
  EXPECT_EQ(audit::OpenCheckpoint(note, own).value(), checkpoint);

  const std::string logs = audit::VerifierKey(
      checkpoint.origin, keysvc::testing::SoftwareSigner::Ed25519()->public_key());
  EXPECT_THAT(audit::OpenCheckpoint(note, logs), HasReason(Reason::kIntegrityFailure));
  // Nor with the id of the log's key, which a note has before each signature.
  const auto id_of = [&](const std::string& verifier) {
    return absl::HexStringToBytes(verifier.substr(checkpoint.origin.size() + 1, 8));
  };
  const std::size_t at = note.rfind(' ') + 1;
  std::string signature;
  ASSERT_TRUE(absl::Base64Unescape(note.substr(at, note.size() - at - 1), &signature));
  ASSERT_EQ(signature.substr(0, 4), id_of(own));
  signature.replace(0, 4, id_of(logs));
  note.replace(at, std::string::npos, absl::Base64Escape(signature) + "\n");
  EXPECT_THAT(audit::OpenCheckpoint(note, logs), HasReason(Reason::kIntegrityFailure));
}

}  // namespace
}  // namespace keysvc::keys
