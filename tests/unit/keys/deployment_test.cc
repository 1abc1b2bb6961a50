#include "keysvc/keys/deployment.h"

#include <string>
#include <utility>
#include <vector>

#include "audit/checkpoint.h"
#include "crypto/canonical.h"
#include "crypto/digest.h"
#include "crypto/public_key.h"
#include "crypto/recovery_key.h"
#include "gtest/gtest.h"
#include "keysvc/keys/key_wrapping.h"
#include "store/sidecar.h"
#include "tests/fakes/fake_hsm.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::FakeHsm;
using keysvc::testing::HasReason;
using keysvc::testing::HsmVerb;
using keysvc::testing::ReadFile;
using keysvc::testing::TemporaryDirectory;
using keysvc::testing::WriteFile;

class DeploymentTest : public ::testing::Test {
 protected:
  TemporaryDirectory directory_;
  FakeHsm hsm_;
  const Deployment deployment_{"dev", "test", directory_.File("keysvc.sidecar")};
};

TEST_F(DeploymentTest, WhatInitialisationMadeOpensTheSameDatabaseKey) {
  const auto made = InitializeDeployment(deployment_, hsm_);
  ASSERT_OK(made);
  const auto opened = OpenDatabaseKey(deployment_, hsm_);
  ASSERT_OK(opened);
  EXPECT_TRUE(*made == *opened);
  EXPECT_OK(hsm_.Probe(deployment_.CanaryLabel()));
}

TEST_F(DeploymentTest, AStopAtAnyStepLeavesARunThatCanBeRepeated) {
  struct Stop {
    HsmVerb verb;
    int call;
  };
  for (const Stop stop :
       {Stop{HsmVerb::kList, 1}, Stop{HsmVerb::kGenerate, 1}, Stop{HsmVerb::kGenerate, 2},
        Stop{HsmVerb::kGenerate, 3}, Stop{HsmVerb::kGenerate, 4}, Stop{HsmVerb::kWrap, 1}}) {
    FakeHsm hsm;
    TemporaryDirectory directory;
    const Deployment deployment{"dev", "test", directory.File("sidecar")};
    for (int i = 1; i < stop.call; ++i) hsm.FailNext(stop.verb, absl::OkStatus());
    hsm.FailNext(stop.verb, Error(Reason::kHsmUnavailable, "the token is away"));
    EXPECT_THAT(InitializeDeployment(deployment, hsm), HasReason(Reason::kHsmUnavailable));
    EXPECT_THAT(OpenDatabaseKey(deployment, hsm), HasReason(Reason::kNotInitialized));
    const auto made = InitializeDeployment(deployment, hsm);
    ASSERT_OK(made);
    EXPECT_TRUE(*made == *OpenDatabaseKey(deployment, hsm));
  }
}

TEST_F(DeploymentTest, AKeyWhoseAnswerWasLostIsFoundByTheNextRun) {
  hsm_.LoseNextGenerateAnswer(Error(Reason::kHsmUnavailable, "the token is away"));
  EXPECT_THAT(InitializeDeployment(deployment_, hsm_), HasReason(Reason::kHsmUnavailable));
  EXPECT_OK(InitializeDeployment(deployment_, hsm_));
}

TEST_F(DeploymentTest, ADeploymentThatExistsIsNotMadeAgain) {
  const auto made = InitializeDeployment(deployment_, hsm_);
  ASSERT_OK(made);
  const std::string sidecar = ReadFile(deployment_.sidecar_path);
  EXPECT_THAT(InitializeDeployment(deployment_, hsm_), HasReason(Reason::kKeyExists));
  Deployment other = deployment_;
  other.name = "other";
  EXPECT_THAT(InitializeDeployment(other, hsm_), HasReason(Reason::kStoreForeign));
  EXPECT_THAT(OpenDatabaseKey(other, hsm_), HasReason(Reason::kStoreForeign));
  other = deployment_;
  other.environment = "development";
  EXPECT_THAT(InitializeDeployment(other, hsm_), HasReason(Reason::kEnvironmentMismatch));
  EXPECT_THAT(OpenDatabaseKey(other, hsm_), HasReason(Reason::kEnvironmentMismatch));
  EXPECT_EQ(ReadFile(deployment_.sidecar_path), sidecar);
}

TEST_F(DeploymentTest, ASidecarRewrittenForAnotherEnvironmentOrNameDoesNotOpen) {
  ASSERT_OK(InitializeDeployment(deployment_, hsm_));
  const store::Sidecar original = *store::ReadSidecar(deployment_.sidecar_path);

  store::Sidecar changed = original;
  changed.environment = "development";
  ASSERT_OK(store::WriteSidecar(deployment_.sidecar_path, changed));
  Deployment other = deployment_;
  other.environment = "development";
  EXPECT_THAT(OpenDatabaseKey(other, hsm_), HasReason(Reason::kIntegrityFailure));

  changed = original;
  changed.current.wrapped_key.back() ^= 1;
  ASSERT_OK(store::WriteSidecar(deployment_.sidecar_path, changed));
  EXPECT_THAT(OpenDatabaseKey(deployment_, hsm_), HasReason(Reason::kIntegrityFailure));

  std::string bytes = ReadFile(deployment_.sidecar_path);
  bytes.back() ^= 1;
  WriteFile(deployment_.sidecar_path, bytes);
  EXPECT_THAT(OpenDatabaseKey(deployment_, hsm_), HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(InitializeDeployment(deployment_, hsm_), HasReason(Reason::kIntegrityFailure));
}

TEST_F(DeploymentTest, NoByteOfASidecarCanBeChangedAlsoUnderARightDigest) {
  const auto recovery_key = crypto::RecoveryKey::Generate().value();
  const auto recovery = crypto::RecoveryCertificate::FromPem(
      recovery_key->MakeCertificate(deployment_.name, deployment_.environment).value());
  ASSERT_OK(recovery);
  ASSERT_OK(InitializeDeployment(deployment_, hsm_, recovery->get()));
  const std::string file = ReadFile(deployment_.sidecar_path);
  const std::string body = file.substr(0, file.size() - sizeof(crypto::Sha256Digest));
  for (std::size_t i = 0; i < body.size(); ++i) {
    std::string changed = body;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    WriteFile(deployment_.sidecar_path,
              changed + std::string(crypto::AsText(crypto::Sha256(changed))));
    EXPECT_FALSE(OpenDatabaseKey(deployment_, hsm_).ok()) << i;
  }
  WriteFile(deployment_.sidecar_path, file);
  EXPECT_OK(OpenDatabaseKey(deployment_, hsm_));
}

TEST_F(DeploymentTest, ANextSlotThatDoesNotAuthenticateIsRefused) {
  ASSERT_OK(InitializeDeployment(deployment_, hsm_));
  store::Sidecar sidecar = *store::ReadSidecar(deployment_.sidecar_path);
  sidecar.next = sidecar.current;
  ASSERT_OK(store::WriteSidecar(deployment_.sidecar_path, sidecar));
  EXPECT_OK(OpenDatabaseKey(deployment_, hsm_));
  sidecar.next->wrapped_key.back() ^= 1;
  ASSERT_OK(store::WriteSidecar(deployment_.sidecar_path, sidecar));
  EXPECT_THAT(OpenDatabaseKey(deployment_, hsm_), HasReason(Reason::kIntegrityFailure));
}

TEST_F(DeploymentTest, ASidecarOfFormat1StillOpens) {
  ASSERT_OK(hsm_.Generate(deployment_.KekLabel(), pkcs11::KeyKind::kAes256Wrapping));
  const crypto::SecretBytes key = *crypto::SecretBytes::Random(32);
  const std::string wrapped =
      KeyWrapping(hsm_, "dev", 1).Wrap(key, store::SidecarContext("dev", "test", 1)).value();
  const std::string body =
      crypto::CanonicalWriter().U8(1).Bytes("dev").Bytes("test").U8(1).Bytes(wrapped).U8(0).Take();
  WriteFile(deployment_.sidecar_path, body + std::string(crypto::AsText(crypto::Sha256(body))));
  const auto opened = OpenDatabaseKey(deployment_, hsm_);
  ASSERT_OK(opened);
  EXPECT_TRUE(opened->bytes() == key);
}

TEST_F(DeploymentTest, ASidecarOpensOnItsOwnTokenOnly) {
  ASSERT_OK(InitializeDeployment(deployment_, hsm_));
  FakeHsm other;
  ASSERT_OK(other.Generate(deployment_.KekLabel(), pkcs11::KeyKind::kAes256Wrapping));
  EXPECT_THAT(OpenDatabaseKey(deployment_, other), HasReason(Reason::kIntegrityFailure));
}

TEST_F(DeploymentTest, ALabelThatHoldsAnotherKindOfKeyIsNotUsed) {
  ASSERT_OK(hsm_.Generate(deployment_.KekLabel(), pkcs11::KeyKind::kEcP256));
  EXPECT_THAT(InitializeDeployment(deployment_, hsm_), HasReason(Reason::kStoreForeign));
}

TEST_F(DeploymentTest, NamesAndEnvironmentsAreOfAClosedForm) {
  Deployment bad = deployment_;
  bad.name = "Dev/1";
  EXPECT_THAT(InitializeDeployment(bad, hsm_), HasReason(Reason::kConfigInvalid));
  bad = deployment_;
  bad.environment = "staging";
  EXPECT_THAT(InitializeDeployment(bad, hsm_), HasReason(Reason::kConfigInvalid));
}

TEST_F(DeploymentTest, CheckpointsAreSignedWithEd25519WhereTheTokenCanElseWithP256) {
  const audit::Checkpoint checkpoint{.origin = "keysvc.example/test", .size = 7, .root = {}};
  for (const bool ed25519 : {true, false}) {
    FakeHsm hsm;
    TemporaryDirectory directory;
    const Deployment deployment{"dev", "test", directory.File("sidecar")};
    EXPECT_THAT(OpenCheckpointSigner(deployment, hsm), HasReason(Reason::kNotInitialized));
    if (!ed25519) {
      hsm.SupportOnly({pkcs11::KeyKind::kAes256Wrapping, pkcs11::KeyKind::kHmacSha256,
                       pkcs11::KeyKind::kEcP256});
    }
    ASSERT_OK(InitializeDeployment(deployment, hsm));
    const auto signer = OpenCheckpointSigner(deployment, hsm);
    ASSERT_OK(signer);
    EXPECT_EQ((*crypto::PublicKey::FromSpki((*signer)->public_key()))->Ed25519Point().ok(),
              ed25519);
    const auto note = audit::SignCheckpoint(checkpoint, **signer);
    ASSERT_OK(note);
    const auto opened = audit::OpenCheckpoint(
        *note, audit::VerifierKey(checkpoint.origin, (*signer)->public_key()));
    ASSERT_OK(opened);
    EXPECT_EQ(*opened, checkpoint);
  }
}

}  // namespace
}  // namespace keysvc::keys
