#include "keysvc/keys/recovery_copies.h"

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "keysvc/keys/key_registry.h"
#include "keysvc/keys/own_keys.h"
#include "store/sidecar.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/keys/key_world.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::KeyWorld;
using keysvc::testing::TemporaryDirectory;

const tokenizer::Profile kCards{"acme", "cards", 1, true};

// A recovery key whose private half the test keeps.
struct Recovery {
  std::unique_ptr<crypto::RecoveryKey> key = crypto::RecoveryKey::Generate().value();
  std::unique_ptr<crypto::RecoveryCertificate> certificate =
      crypto::RecoveryCertificate::FromPem(key->MakeCertificate("dev", "test").value()).value();
};

class RecoveryCopiesTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK(world_.hsm.Destroy(deployment_.KekLabel())); }

  // A deployment whose database key and keys are sealed to this certificate, or (null) to none.
  void Make(const crypto::RecoveryCertificate* certificate) {
    ASSERT_OK(InitializeDeployment(deployment_, world_.hsm, certificate));
    SealTo(certificate);
    ASSERT_OK(world_.Start());
    ASSERT_OK(world_.registry().EnsureProfileKeys(kCards));
  }
  // As after a restart with another configuration.
  void SealTo(const crypto::RecoveryCertificate* certificate) {
    std::destroy_at(&world_.wrapping);
    std::construct_at(&world_.wrapping, world_.hsm, "dev", 1, certificate);
  }
  absl::Status Check(const crypto::RecoveryCertificate* certificate) {
    return CheckRecoveryCopies(deployment_, world_.store, certificate);
  }
  absl::StatusOr<std::size_t> Enroll(const Recovery& recovery) {
    SealTo(recovery.certificate.get());
    return EnrollRecovery(deployment_, world_.hsm, world_.wrapping, world_.store, world_.journal(),
                          *recovery.certificate);
  }
  // Every key is the one that the HSM opens.
  void ExpectEverythingOpens(const Recovery& recovery) {
    const store::Sidecar sidecar = store::ReadSidecar(deployment_.sidecar_path).value();
    const auto database_key =
        recovery.key->Open(sidecar.current.recovery, store::SidecarContext("dev", "test", 1));
    ASSERT_OK(database_key);
    EXPECT_TRUE(*database_key == OpenDatabaseKey(deployment_, world_.hsm)->bytes());
    const auto rows = world_.store.ListKeyVersions().value();
    EXPECT_EQ(rows.size(), 6U);
    const KeyVersionRows opener(world_.hsm, deployment_.RegistryLabel());
    for (const store::KeyVersionRow& row : rows) {
      const KeyRecord record = opener.Open(row).value();
      const std::string context = WrapContextOf(record.version);
      const auto key = recovery.key->Open(row.recovery, context);
      ASSERT_OK(key);
      EXPECT_TRUE(*key == *world_.wrapping.Unwrap(row.wrapped, context));
    }
  }

  TemporaryDirectory directory_;
  KeyWorld world_;
  const Deployment deployment_{"dev", "test", directory_.File("sidecar")};
  Recovery recovery_;
  Recovery other_;
};

TEST_F(RecoveryCopiesTest, WhateverIsWrappedIsSealedToo) {
  Make(recovery_.certificate.get());
  ExpectEverythingOpens(recovery_);
  EXPECT_OK(Check(recovery_.certificate.get()));
}

TEST_F(RecoveryCopiesTest, ARotatedKeyIsSealedToo) {
  Make(recovery_.certificate.get());
  ASSERT_OK(world_.Rotate(DataKeyOf(kCards)));
  EXPECT_OK(Check(recovery_.certificate.get()));
}

TEST_F(RecoveryCopiesTest, WithoutACertificateThereAreNoCopiesAndNoComplaint) {
  Make(nullptr);
  const auto rows = world_.store.ListKeyVersions().value();
  EXPECT_EQ(rows.size(), 6U);
  for (const store::KeyVersionRow& row : rows) {
    EXPECT_EQ(row.recovery, "");
  }
  EXPECT_OK(Check(nullptr));
}

TEST_F(RecoveryCopiesTest, AnotherCertificateThanTheSealedOneIsRefused) {
  Make(recovery_.certificate.get());
  EXPECT_THAT(Check(other_.certificate.get()), HasReason(Reason::kRecoveryKeyMismatch));
  EXPECT_THAT(Check(nullptr), HasReason(Reason::kRecoveryKeyMismatch));
}

TEST_F(RecoveryCopiesTest, EnrollingSealsWhatWasNot) {
  Make(nullptr);
  EXPECT_THAT(Check(recovery_.certificate.get()), HasReason(Reason::kRecoveryKeyMismatch));
  const auto count = Enroll(recovery_);
  ASSERT_OK(count);
  EXPECT_EQ(*count, 6U);
  EXPECT_OK(Check(recovery_.certificate.get()));
  ExpectEverythingOpens(recovery_);
  EXPECT_EQ(LastCall(world_.store).action, "KeyService.SealForRecovery");
  EXPECT_OK(world_.Restart());  // every row's MAC is right
}

TEST_F(RecoveryCopiesTest, EnrollingReplacesTheCopiesForAnotherKey) {
  Make(recovery_.certificate.get());
  ASSERT_OK(Enroll(other_));
  ExpectEverythingOpens(other_);
  EXPECT_THAT(Check(recovery_.certificate.get()), HasReason(Reason::kRecoveryKeyMismatch));
  const auto rows = world_.store.ListKeyVersions().value();
  EXPECT_FALSE(recovery_.certificate->IsRecipientOf(rows.front().recovery));
}

TEST_F(RecoveryCopiesTest, AStopBetweenRowsAndSidecarIsNoticedAndEnrollingCanBeRepeated) {
  Make(recovery_.certificate.get());
  const store::Sidecar before = store::ReadSidecar(deployment_.sidecar_path).value();
  ASSERT_OK(Enroll(other_));
  ASSERT_OK(store::WriteSidecar(deployment_.sidecar_path, before));
  EXPECT_THAT(Check(other_.certificate.get()), HasReason(Reason::kRecoveryKeyMismatch));
  // The old certificate fits the sidecar, but new keys would be sealed to another than the rows.
  EXPECT_THAT(Check(recovery_.certificate.get()), HasReason(Reason::kRecoveryKeyMismatch));
  ASSERT_OK(Enroll(other_));
  EXPECT_OK(Check(other_.certificate.get()));
  ExpectEverythingOpens(other_);
}

TEST_F(RecoveryCopiesTest, AnHsmThatGoesAwayLeavesEverythingAsItWas) {
  Make(recovery_.certificate.get());
  world_.hsm.FailAlways(keysvc::testing::HsmVerb::kUnwrap,
                        Error(Reason::kHsmUnavailable, "the token is away"));
  EXPECT_THAT(Enroll(other_), HasReason(Reason::kHsmUnavailable));
  world_.hsm.Heal();
  EXPECT_OK(Check(recovery_.certificate.get()));
  ExpectEverythingOpens(recovery_);
}

TEST_F(RecoveryCopiesTest, ACopyIsPutBesideAnotherKeyInVain) {
  Make(recovery_.certificate.get());
  const auto rows = world_.store.ListKeyVersions().value();
  const KeyVersionRows opener(world_.hsm, deployment_.RegistryLabel());
  const std::string context = WrapContextOf(opener.Open(rows[0]).value().version);
  EXPECT_THAT(recovery_.key->Open(rows[1].recovery, context), HasReason(Reason::kIntegrityFailure));
}

}  // namespace
}  // namespace keysvc::keys
