// Certificates that are attached to key versions.
#include <cstdint>
#include <limits>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "crypto/certificate_chain.h"
#include "crypto/public_key.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "keysvc/keys/jwks.h"
#include "keysvc/keys/key_registry.h"
#include "keysvc/keys/public_keys.h"
#include "tests/support/openssl.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/keys/key_world.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::KeyWorld;
using keysvc::testing::LastCall;
using keysvc::testing::MemoryStore;
using keysvc::testing::ReadFile;
using keysvc::testing::RunOpenssl;
using keysvc::testing::TemporaryDirectory;
using keysvc::testing::WriteFile;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kRequest[] = "7c1f2ad0-93a4-4c5b-8a0e-5d7e0c4b1a22";

class CertificatesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(world_.Start());
    // Certificates begin at the openssl program's time.
    world_.JumpWallClock(absl::Now() - world_.Now() + absl::Minutes(1));
    ASSERT_OK(world_.Create(kKey, {Purpose::kJws, Algorithm::kEcP256, Protection::kHsm, kYear}));
    MakeAuthority(100);
  }

  void MakeAuthority(int days) {
    RunOpenssl(absl::StrCat("req -x509 -newkey rsa:2048 -nodes -subj /CN=CA -days ", days,
                            " -keyout ", File("ca.key"), " -out ", File("ca.pem")),
               File("log"));
  }

  std::string File(const std::string& name) const { return folder_.File(name); }

  // For the key of a version; then the authority's own.
  std::string Chain(std::uint32_t version, int days = 30) {
    const auto key = *world_.registry().Version({kKey, version});
    WriteFile(File("key.pem"), (*crypto::PublicKey::FromSpki(key.public_key))->ToPem());
    RunOpenssl(absl::StrCat("x509 -new -force_pubkey ", File("key.pem"), " -subj /CN=acme -CA ",
                            File("ca.pem"), " -CAkey ", File("ca.key"), " -days ", days, " -out ",
                            File("leaf.pem")),
               File("log"));
    return ReadFile(File("leaf.pem")) + ReadFile(File("ca.pem"));
  }

  absl::StatusOr<KeyVersion> Attach(std::uint32_t version, const std::string& pem,
                                    std::string_view request_id = {}, const std::string& kid = {}) {
    auto recorded = world_.registry().AttachCertificates(
        world_.PermitFor(policy::Action::kAttachCertificate, kKey.ToString()),
        {{kKey, version}, pem, kid}, request_id);
    return recorded.ok() ? std::move(recorded->value)
                         : absl::StatusOr<KeyVersion>(recorded.status());
  }
  std::string Attached(std::uint32_t version) {
    const auto chain =
        crypto::CertificateChainFromDer(world_.registry().Version({kKey, version})->certificates);
    return chain.ok() ? crypto::ToPem(*chain) : "";
  }
  std::string Jwks() { return *JwksOf(world_.registry(), public_keys_, kKey, world_.Now()); }

  KeyWorld world_;
  TemporaryDirectory folder_;
  PublicKeys public_keys_;
  const KeyName kKey{"acme", "statements"};
};

TEST_F(CertificatesTest, WhatIsAttachedIsKeptWithTheVersionAndReplacedByTheNextOne) {
  const std::string first = Chain(1);
  ASSERT_OK(Attach(0, first));
  EXPECT_EQ(LastCall(world_.store).action, "KeyService.AttachCertificate");
  EXPECT_EQ(LastCall(world_.store).resource, "tenants/acme/keys/statements/versions/1");
  EXPECT_EQ(Attached(1), first);
  ASSERT_OK(world_.Restart());
  EXPECT_EQ(Attached(1), first);
  const std::string second = Chain(1, 60);
  ASSERT_OK(Attach(1, second));
  EXPECT_EQ(Attached(1), second);
  ASSERT_OK(world_.Restart());
  EXPECT_EQ(Attached(1), second);
}

TEST_F(CertificatesTest, TheNextVersionHasOneBeforeItSignsAndTakesNoneOver) {
  ASSERT_OK(Attach(1, Chain(1)));
  ASSERT_OK(world_.CreateVersion(kKey));
  EXPECT_EQ(Attached(2), "");
  EXPECT_THAT(Attach(2, Chain(1)), HasReason(Reason::kFieldInvalid));
  const std::string second = Chain(2);
  ASSERT_OK(Attach(2, second));
  ASSERT_OK(world_.Rotate(kKey, KeyRegistry::Urgency::kSoon));
  EXPECT_EQ(Attached(2), second);
  EXPECT_NE(Attached(1), "");
  // An old one verifies still.
  EXPECT_OK(Attach(1, Chain(1, 40)));
}

TEST_F(CertificatesTest, ARepetitionChangesNothing) {
  const std::string first = Chain(1);
  const std::string second = Chain(1, 60);
  ASSERT_OK(Attach(1, first, kRequest));
  ASSERT_OK(Attach(1, second));
  ASSERT_OK(Attach(1, first, kRequest));
  EXPECT_EQ(Attached(1), second);
  EXPECT_THAT(Attach(1, second, kRequest), HasReason(Reason::kRequestIdReused));
}

TEST_F(CertificatesTest, WhatCannotBeAttachedIsRecorded) {
  const std::string chain = Chain(1);
  EXPECT_THAT(Attach(1, "none"), HasReason(Reason::kFieldInvalid));
  EXPECT_EQ(LastCall(world_.store).reason, "FIELD_INVALID");
  EXPECT_THAT(Attach(2, chain), HasReason(Reason::kKeyNotFound));
  const KeyName mac{"acme", "mac"};
  ASSERT_OK(world_.Create(mac, {Purpose::kMac, Algorithm::kHmacSha256, Protection::kHsm, kYear}));
  const auto refused = world_.registry().AttachCertificates(
      world_.PermitFor(policy::Action::kAttachCertificate, mac.ToString()), {{mac, 1}, chain, ""},
      "");
  EXPECT_THAT(refused->value, HasReason(Reason::kKeyPurposeMismatch));
  const auto foreign = world_.registry().AttachCertificates(
      world_.PermitFor(policy::Action::kAttachCertificate, mac.ToString()), {{kKey, 1}, chain, ""},
      "");
  EXPECT_THAT(foreign->value, HasReason(Reason::kInternal));
  EXPECT_EQ(Attached(1), "");
  world_.Advance(8 * kYear);
  EXPECT_THAT(Attach(1, chain), HasReason(Reason::kKeyNotActive));
}

TEST_F(CertificatesTest, WhateverBecameOfOneTheNextOneTakesItsPlace) {
  int days = 30;
  for (const auto fault :
       {MemoryStore::CommitFault::kRefused, MemoryStore::CommitFault::kDoneButUnknown,
        MemoryStore::CommitFault::kLostAndUnknown}) {
    ASSERT_OK(world_.journal().CheckpointNow()) << "the first one is made beside the test";
    world_.store.FailCommit(fault, fault == MemoryStore::CommitFault::kRefused ? 100'000 : 1);
    world_.store.Fail(MemoryStore::Step::kReopen, std::numeric_limits<int>::max());
    EXPECT_FALSE(Attach(1, Chain(1, ++days)).ok());
    world_.store.Heal();
    while (!world_.journal().healthy()) std::this_thread::yield();
    const std::string chain = Chain(1, ++days);
    ASSERT_OK(Attach(1, chain));
    EXPECT_EQ(Attached(1), chain);
  }
  const std::string last = Attached(1);
  ASSERT_OK(world_.Restart());
  EXPECT_EQ(Attached(1), last);
  EXPECT_OK(world_.Rotate(kKey, KeyRegistry::Urgency::kSoon));
}

TEST_F(CertificatesTest, VerifiersGetThemWithTheKeySetWhileTheyAreValid) {
  EXPECT_THAT(Jwks(), Not(HasSubstr("\"x5")));
  ASSERT_OK(Attach(1, Chain(1)));
  EXPECT_THAT(Jwks(), HasSubstr("\"x5c\":[\"MII"));
  EXPECT_THAT(Jwks(), HasSubstr("\"x5t#S256\":\""));
  world_.Advance(absl::Hours(24 * 31));
  EXPECT_THAT(Jwks(), Not(HasSubstr("\"x5")));
  EXPECT_THAT(Jwks(), HasSubstr("\"kid\"")) << "the key goes on";
}

TEST_F(CertificatesTest, AKeySetLeavesThemOutOnceAnIssuersHasEnded) {
  MakeAuthority(10);
  ASSERT_OK(Attach(1, Chain(1, 30)));
  EXPECT_THAT(Jwks(), HasSubstr("\"x5c\":[\"MII"));
  world_.Advance(absl::Hours(24 * 11));
  EXPECT_THAT(Jwks(), Not(HasSubstr("\"x5")));
}

}  // namespace
}  // namespace keysvc::keys
