// What the HSM holds under a version's label is that version's key, or nothing starts.
#include "keysvc/keys/hsm_keys.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/keys/key_world.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::FakeHsm;
using keysvc::testing::HasReason;
using keysvc::testing::HsmVerb;
using keysvc::testing::KeyWorld;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const KeyName kOrders{"acme", "orders"};
constexpr char kFirst[] = "dev/acme/orders/v1";

// Tells the public halves of one HSM and signs with the keys of another: a token on which only one
// object of a pair was replaced.
class HalfReplaced final : public pkcs11::Hsm {
 public:
  HalfReplaced(Hsm& before, Hsm& now) : before_(before), now_(now) {}
  const pkcs11::Capabilities& capabilities() const override { return now_.capabilities(); }
  absl::Status Generate(std::string_view label, pkcs11::KeyKind kind) override {
    return now_.Generate(label, kind);
  }
  absl::Status GenerateShared(std::string_view label, pkcs11::KeyKind kind) override {
    return now_.GenerateShared(label, kind);
  }
  absl::StatusOr<pkcs11::WrappedKey> Deliver(std::string_view label,
                                             std::string_view public_key) override {
    return now_.Deliver(label, public_key);
  }
  absl::Status Import(std::string_view label, pkcs11::KeyKind kind, std::string_view unwrapping,
                      const pkcs11::WrappedSecret& secret) override {
    return now_.Import(label, kind, unwrapping, secret);
  }
  absl::Status Destroy(std::string_view label) override { return now_.Destroy(label); }
  absl::StatusOr<std::vector<pkcs11::HsmKey>> List() override { return now_.List(); }
  absl::StatusOr<std::string> PublicKey(std::string_view label) override {
    return before_.PublicKey(label);
  }
  absl::StatusOr<std::string> Sign(std::string_view label, pkcs11::Mechanism mechanism,
                                   std::string_view message) override {
    return now_.Sign(label, mechanism, message);
  }
  absl::StatusOr<std::string> SignDigest(std::string_view label, pkcs11::Mechanism mechanism,
                                         std::string_view digest) override {
    return now_.SignDigest(label, mechanism, digest);
  }
  absl::StatusOr<std::string> Wrap(std::string_view label, crypto::ByteView secret,
                                   std::string_view aad) override {
    return now_.Wrap(label, secret, aad);
  }
  absl::StatusOr<crypto::SecretBytes> Unwrap(std::string_view label, std::string_view wrapped,
                                             std::string_view aad) override {
    return now_.Unwrap(label, wrapped, aad);
  }
  absl::Status Probe(std::string_view label) override { return now_.Probe(label); }

 private:
  Hsm& before_;
  Hsm& now_;
};

// Of what the store holds, as a registry has it.
KeyRings RingsOf(KeyWorld& world) {
  std::vector<KeyRecord> records;
  const std::vector<store::KeyVersionRow> rows = world.store.ListKeyVersions().value();
  for (const store::KeyVersionRow& row : rows) {
    records.push_back(KeyVersionRows::ReadUnchecked(row).value());
  }
  return KeyRings::Create(std::move(records)).value();
}

class HsmKeysTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK(world_.Start()); }
  void Replace(const std::string& label) {
    const std::vector<pkcs11::HsmKey> present = world_.hsm.List().value();
    const auto key = std::ranges::find(present, label, &pkcs11::HsmKey::label);
    ASSERT_NE(key, present.end());
    ASSERT_OK(world_.hsm.Destroy(label));
    ASSERT_OK(world_.hsm.Generate(label, key->kind));
  }
  absl::Status Check(pkcs11::Hsm& hsm) {
    return CheckHsmKeys(hsm, hsm.List().value(), RingsOf(world_), world_.Now());
  }

  KeyWorld world_;
};

TEST_F(HsmKeysTest, AnotherKeyPairUnderTheLabelIsFoundAtLoadAndNamed) {
  for (const Algorithm algorithm :
       {Algorithm::kEcP256, Algorithm::kEcP384, Algorithm::kEd25519, Algorithm::kRsa2048}) {
    SCOPED_TRACE(NameOf(algorithm));
    KeyWorld world;
    ASSERT_OK(world.Start());
    ASSERT_OK(world.Create(kOrders, {.algorithm = algorithm}));
    ASSERT_OK(world.Restart());
    ASSERT_OK(world.hsm.Destroy(kFirst));
    ASSERT_OK(world.hsm.Generate(kFirst, *HsmKindOf(algorithm)));
    const absl::Status refused = world.Restart();
    EXPECT_THAT(refused, HasReason(Reason::kIntegrityFailure));
    EXPECT_THAT(std::string(refused.message()),
                HasSubstr("another key as tenants/acme/keys/orders/versions/1"));
  }
}

TEST_F(HsmKeysTest, SoIsOneThatWaitsForItsRotation) {
  ASSERT_OK(world_.Create(kOrders, {}));
  ASSERT_OK(world_.CreateVersion(kOrders));
  ASSERT_OK(world_.Restart());
  Replace("dev/acme/orders/v2");
  const absl::Status refused = world_.Restart();
  EXPECT_THAT(refused, HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("orders/versions/2"));
}

TEST_F(HsmKeysTest, OneThatSignsNoMoreHasOnlyToBeThere) {
  ASSERT_OK(world_.Create(kOrders, {}));
  ASSERT_OK(world_.Rotate(kOrders));
  Replace(kFirst);
  EXPECT_OK(world_.Restart());
  ASSERT_OK(world_.hsm.Destroy(kFirst));
  EXPECT_THAT(world_.Restart(), HasReason(Reason::kIntegrityFailure));
}

TEST_F(HsmKeysTest, APrivateHalfThatDoesNotSignForItsPublicOneIsFound) {
  ASSERT_OK(world_.Create(kOrders, {}));
  EXPECT_OK(Check(world_.hsm));
  FakeHsm other;
  ASSERT_OK(other.Generate(kFirst, pkcs11::KeyKind::kEcP256));
  HalfReplaced hsm(world_.hsm, other);
  EXPECT_THAT(Check(hsm), HasReason(Reason::kIntegrityFailure));
}

TEST_F(HsmKeysTest, OnlyWhatMaySignYetIsLookedAtAndOnlyWhatMaySignNowIsMadeToSign) {
  ASSERT_OK(world_.Create(kOrders, {}));
  ASSERT_OK(world_.Rotate(kOrders));
  ASSERT_OK(world_.CreateVersion(kOrders));
  ASSERT_OK(world_.Create({"acme", "mac"},
                          {.purpose = Purpose::kMac, .algorithm = Algorithm::kHmacSha256}));
  const std::size_t before = world_.hsm.calls(HsmVerb::kSign);
  const std::size_t looked_at = world_.hsm.calls(HsmVerb::kPublicKey);
  EXPECT_OK(Check(world_.hsm));
  EXPECT_EQ(world_.hsm.calls(HsmVerb::kSign), before + 1);
  EXPECT_EQ(world_.hsm.calls(HsmVerb::kPublicKey), looked_at + 1);
  world_.Advance(kYear);
  EXPECT_OK(Check(world_.hsm));
  EXPECT_EQ(world_.hsm.calls(HsmVerb::kSign), before + 1);
}

TEST_F(HsmKeysTest, AnHsmThatIsAwayIsNoDamage) {
  ASSERT_OK(world_.Create(kOrders, {}));
  ASSERT_OK(world_.CreateVersion(kOrders));
  for (const HsmVerb verb : {HsmVerb::kPublicKey, HsmVerb::kSign}) {
    world_.hsm.FailAlways(verb, Error(Reason::kHsmUnavailable, "the token is away"));
    EXPECT_THAT(Check(world_.hsm), HasReason(Reason::kHsmUnavailable));
    world_.hsm.Heal();
  }
}

TEST_F(HsmKeysTest, LabelsThatNobodyClaimsAreThoseOfKeyVersionsOfTheDeployment) {
  const std::vector<pkcs11::HsmKey> present = {
      {"dev/kek/v1", pkcs11::KeyKind::kAes256Wrapping},
      {"dev/acme/orders/v2", pkcs11::KeyKind::kEcP256},
      {"dev/acme/orders/v1", pkcs11::KeyKind::kEcP256},
      {"developer/acme/orders/v1", pkcs11::KeyKind::kEcP256}};
  EXPECT_THAT(UnclaimedLabels(present, "dev", {kFirst}), ElementsAre("dev/acme/orders/v2"));
  EXPECT_THAT(UnclaimedLabels(present, "de", {}), IsEmpty());
}

}  // namespace
}  // namespace keysvc::keys
