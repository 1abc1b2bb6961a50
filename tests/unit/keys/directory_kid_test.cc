// What a directory that publishes a key calls it, instead of its thumbprint.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "crypto/base64.h"
#include "crypto/public_key.h"
#include "gtest/gtest.h"
#include "jose/jws.h"
#include "keysvc/keys/jwks.h"
#include "keysvc/keys/jws_signature.h"
#include "keysvc/keys/presented_jws.h"
#include "nlohmann/json.hpp"
#include "tests/support/openssl.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/keys/key_world.h"
#include "tests/unit/keys/signing_fixture.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::HasReason;
using keysvc::testing::LastCall;
using keysvc::testing::ReadFile;
using keysvc::testing::RunOpenssl;
using keysvc::testing::TemporaryDirectory;
using keysvc::testing::WriteFile;

constexpr char kRequestId[] = "8e1b4a0c-2d4e-4f57-9a6b-7c8d9e0f1a2b";

class DirectoryKidTest : public SigningTest {
 protected:
  void SetUp() override {
    SigningTest::SetUp();
    // Certificates begin at the openssl program's time.
    world_.JumpWallClock(absl::Now() - world_.Now() + absl::Minutes(1));
    ASSERT_OK(world_.Create(kKey, {Purpose::kJws, Algorithm::kEcP256, Protection::kHsm, kYear}));
    RunOpenssl(absl::StrCat("req -x509 -newkey rsa:2048 -nodes -subj /CN=CA -days 100 -keyout ",
                            File("ca.key"), " -out ", File("ca.pem")),
               File("log"));
  }

  std::string File(const std::string& name) const { return folder_.File(name); }
  std::string Certificate(const KeyName& key, std::uint32_t version) {
    WriteFile(File("key.pem"),
              (*crypto::PublicKey::FromSpki(world_.registry().Version({key, version})->public_key))
                  ->ToPem());
    RunOpenssl(absl::StrCat("x509 -new -force_pubkey ", File("key.pem"), " -subj /CN=acme -CA ",
                            File("ca.pem"), " -CAkey ", File("ca.key"), " -days 30 -out ",
                            File("leaf.pem")),
               File("log"));
    return ReadFile(File("leaf.pem"));
  }
  absl::Status Attach(const KeyName& key, const CertificateAttachment& attachment,
                      std::string_view request_id = {}) {
    const auto recorded = world_.registry().AttachCertificates(
        world_.PermitFor(policy::Action::kAttachCertificate, key.ToString()), attachment,
        request_id);
    return recorded.ok() ? recorded->value.status() : recorded.status();
  }
  absl::Status Call(std::uint32_t version, const std::string& kid) {
    return Attach(kKey, {{kKey, version}, Certificate(kKey, version), kid});
  }
  std::string Thumbprint(std::uint32_t version) {
    return public_keys_.Of(*world_.registry().Version({kKey, version})).value()->thumbprint;
  }

  std::string Jws() {
    SignRequest request{kKey, std::make_shared<JwsSignature>("{}", JwsOptions()), {}, {}};
    return Sign(std::move(request)).value().bytes;
  }
  static std::string KidIn(const std::string& jws) { return jose::ParseCompact(jws)->header.kid; }
  Verification Check(const std::string& jws, std::uint32_t version = 0) {
    VerifyRequest request;
    request.key = KeyVersionName{kKey, version};
    request.presented = std::make_shared<PresentedJws>(jws, std::nullopt);
    return Verify(request).value();
  }
  // Newest first.
  std::vector<std::string> Published() {
    const auto set =
        nlohmann::json::parse(*JwksOf(world_.registry(), public_keys_, kKey, world_.Now()));
    std::vector<std::string> kids;
    for (const auto& key : set["keys"]) kids.push_back(key["kid"]);
    return kids;
  }

  TemporaryDirectory folder_;
  const KeyName kKey{"acme", "bank"};
};

TEST_F(DirectoryKidTest, SignaturesAndKeySetCallTheVersionByIt) {
  const std::string thumbprint = Thumbprint(1);
  EXPECT_EQ(KidIn(Jws()), thumbprint);
  ASSERT_OK(Call(1, "90210ABAD.x_1"));
  EXPECT_EQ(LastCall(world_.store).action, "KeyService.AttachCertificate");
  EXPECT_EQ(KidIn(Jws()), "90210ABAD.x_1");
  EXPECT_EQ(Published(), std::vector<std::string>{"90210ABAD.x_1"});
  EXPECT_EQ(world_.registry().Version({kKey, 1})->kid, "90210ABAD.x_1");
  Close();
  ASSERT_OK(world_.Restart());
  Open();
  EXPECT_EQ(KidIn(Jws()), "90210ABAD.x_1");
}

TEST_F(DirectoryKidTest, WhatWasSignedBeforeUnderTheThumbprintStillVerifies) {
  const std::string before = Jws();
  ASSERT_OK(Call(1, "directory"));
  const std::string after = Jws();
  EXPECT_EQ(Check(before).key_version, (KeyVersionName{kKey, 1}.ToString()));
  EXPECT_EQ(Check(after).key_version, (KeyVersionName{kKey, 1}.ToString()));
}

TEST_F(DirectoryKidTest, AVersionIsFoundByItsOwn) {
  ASSERT_OK(Call(1, "first"));
  const std::string old = Jws();
  ASSERT_OK(world_.CreateVersion(kKey));
  ASSERT_OK(Call(2, "second"));
  EXPECT_EQ(Published(), (std::vector<std::string>{"second", "first"}));
  ASSERT_OK(world_.Rotate(kKey, KeyRegistry::Urgency::kSoon));
  const std::string now = Jws();
  EXPECT_EQ(KidIn(now), "second");
  EXPECT_EQ(Check(old).key_version, (KeyVersionName{kKey, 1}.ToString()));
  EXPECT_EQ(Check(now).key_version, (KeyVersionName{kKey, 2}.ToString()));
  EXPECT_EQ(Check(old, 2).fault, Fault::kKeyUnknown);
  // The one's name over the other's signature.
  const std::string renamed =
      crypto::ToBase64Url(R"({"alg":"ES256","kid":"first"})") + now.substr(now.find('.'));
  EXPECT_EQ(Check(renamed).fault, Fault::kSignatureWrong);
  ASSERT_OK(world_.Rotate(kKey, KeyRegistry::Urgency::kSoon));
  EXPECT_EQ(KidIn(Jws()), Thumbprint(3)) << "the next version has none";
}

TEST_F(DirectoryKidTest, AVersionSignsOnceVerifiersKnowItByIt) {
  ASSERT_OK(world_.CreateVersion(kKey));
  world_.Advance(kJwksMaxAge);
  ASSERT_OK(Call(2, "directory"));
  EXPECT_THAT(world_.Rotate(kKey), HasReason(Reason::kKeyNotPublished));
  world_.Advance(kJwksMaxAge);
  ASSERT_OK(Call(2, "directory")) << "who calls it the same tells nobody anything new";
  EXPECT_OK(world_.Rotate(kKey));
}

TEST_F(DirectoryKidTest, ItIsReplacedByTheNextOneAndKeptByACertificateWithoutOne) {
  ASSERT_OK(Call(1, "first"));
  const std::string old = Jws();
  ASSERT_OK(Call(1, "first")) << "its own is not another version's";
  ASSERT_OK(Call(1, "renewed"));
  EXPECT_EQ(KidIn(Jws()), "renewed");
  EXPECT_EQ(Check(old).fault, Fault::kKeyUnknown);
  const std::string before = Jws();
  ASSERT_OK(Call(1, ""));
  EXPECT_EQ(KidIn(Jws()), "renewed");
  EXPECT_EQ(Published(), std::vector<std::string>{"renewed"});
  EXPECT_TRUE(Check(before).valid());
}

TEST_F(DirectoryKidTest, NoTwoVersionsOfAKeyHaveTheSameOne) {
  ASSERT_OK(Call(1, "first"));
  ASSERT_OK(world_.Rotate(kKey, KeyRegistry::Urgency::kSoon));
  const absl::Status taken = Call(2, "first");
  EXPECT_THAT(taken, HasReason(Reason::kFieldInvalid));
  EXPECT_EQ(FieldOf(taken), "kid");
  EXPECT_THAT(Call(2, Thumbprint(1)), HasReason(Reason::kFieldInvalid));
  EXPECT_EQ(world_.registry().Version({kKey, 2})->certificates, "");
  EXPECT_OK(Call(2, Thumbprint(2)));
}

TEST_F(DirectoryKidTest, WhatIsNoneIsRefused) {
  const std::string card = "4111111111111111";
  for (const std::string& kid :
       {std::string("a b"), std::string("a/b"), std::string("a\n"), std::string("\xc3\xa4"),
        std::string(129, 'a'), "x" + card, std::string("4111-1111-1111-1111")}) {
    const absl::Status refused = Call(1, kid);
    EXPECT_THAT(refused, HasReason(Reason::kFieldInvalid)) << kid;
    EXPECT_EQ(FieldOf(refused), "kid");
  }
  EXPECT_OK(Call(1, std::string(128, 'a')));
}

TEST_F(DirectoryKidTest, KeysOfOtherPurposesHaveNone) {
  const KeyName bare{"acme", "bare"};
  ASSERT_OK(world_.Create(bare, {Purpose::kSign, Algorithm::kEcP256, Protection::kHsm, kYear}));
  const std::string pem = Certificate(bare, 1);
  EXPECT_THAT(Attach(bare, {{bare, 1}, pem, "kid"}), HasReason(Reason::kKeyPurposeMismatch));
  EXPECT_OK(Attach(bare, {{bare, 1}, pem, ""}));
}

TEST_F(DirectoryKidTest, ARepetitionHasToAskForTheSameOne) {
  const std::string pem = Certificate(kKey, 1);
  ASSERT_OK(Attach(kKey, {{kKey, 1}, pem, "first"}, kRequestId));
  EXPECT_OK(Attach(kKey, {{kKey, 1}, pem, "first"}, kRequestId));
  EXPECT_THAT(Attach(kKey, {{kKey, 1}, pem, "other"}, kRequestId),
              HasReason(Reason::kRequestIdReused));
  EXPECT_THAT(Attach(kKey, {{kKey, 1}, pem, ""}, kRequestId), HasReason(Reason::kRequestIdReused));
}

}  // namespace
}  // namespace keysvc::keys
