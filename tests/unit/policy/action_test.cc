#include "policy/action.h"

#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keysvc::policy {
namespace {

TEST(ActionTest, TheActionsAreExactlyThese) {
  std::vector<std::string_view> names;
  for (const Action action : AllActions()) names.push_back(NameOf(action));
  EXPECT_THAT(names, ::testing::ElementsAre(
                         "Tokenize", "Detokenize", "GetToken", "LookUpToken", "ConvertToken",
                         "UpdateTokenCard", "ImportTokens", "FingerprintCard", "SuspendToken",
                         "ResumeToken", "DeleteToken", "ListTokens", "GetRetentionReport", "Sign",
                         "SignDigest", "SignJws", "SignHttpMessage", "SignWebhook", "SignCose",
                         "Verify", "GetPublicKey", "CreateKey", "RotateKey", "DeliverKey",
                         "ImportKey", "CreateCertificateSigningRequest", "AttachCertificate",
                         "ListKeys", "GetKey", "LockKeys", "CreatePartnerKey", "DisablePartnerKey",
                         "ListPartnerKeys", "GetPartnerKey", "ExportAudit", "GetCheckpoint"));
}

TEST(ActionTest, EveryActionIsFoundByItsName) {
  std::size_t position = 0;
  for (const Action action : AllActions()) {
    EXPECT_EQ(static_cast<std::size_t>(action), position++);
    EXPECT_EQ(ActionNamed(NameOf(action)), action);
  }
}

TEST(ActionTest, NamesAreTakenToTheLetter) {
  EXPECT_EQ(ActionNamed("tokenize"), std::nullopt);
  EXPECT_EQ(ActionNamed("Tokenize "), std::nullopt);
  EXPECT_EQ(ActionNamed("*"), std::nullopt);
  EXPECT_EQ(ActionNamed(""), std::nullopt);
}

TEST(ActionTest, TheseActionsNameTokens) {
  std::vector<std::string_view> names;
  for (const Action action : AllActions()) {
    if (NamesTokens(action)) names.push_back(NameOf(action));
  }
  EXPECT_THAT(names,
              ::testing::ElementsAre("Detokenize", "GetToken", "ConvertToken", "UpdateTokenCard",
                                     "SuspendToken", "ResumeToken", "DeleteToken"));
}

TEST(ActionTest, EveryRevealIsFoundByItsName) {
  EXPECT_EQ(RevealNamed("last4"), Reveal::kLastFour);
  EXPECT_EQ(RevealNamed("masked"), Reveal::kMasked);
  EXPECT_EQ(RevealNamed("full"), Reveal::kFull);
  EXPECT_EQ(RevealNamed("FULL"), std::nullopt);
}

}  // namespace
}  // namespace keysvc::policy
