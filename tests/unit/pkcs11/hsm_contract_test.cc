// What every Hsm owes its users, on the fake, on SoftHSM2 and on NSS's softokn, with the kinds of
// key that each of them has.
#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "crypto/digest.h"
#include "crypto/public_key.h"
#include "crypto/secret_access.h"
#include "gtest/gtest.h"
#include "pkcs11/cryptoki_hsm.h"
#include "pkcs11/hsm.h"
#include "tests/fakes/fake_hsm.h"
#include "tests/support/nss_token.h"
#include "tests/support/softhsm_token.h"
#include "tests/support/status_matchers.h"

namespace keysvc::pkcs11 {
namespace {

using crypto::SignatureAlgorithm;
using testing::HasReason;
using testing::IsOk;

constexpr KeyKind kAllKinds[] = {
    KeyKind::kAes256Wrapping,   KeyKind::kHmacSha256, KeyKind::kEcP256,
    KeyKind::kEd25519,          KeyKind::kRsa2048,    KeyKind::kRsa3072,
    KeyKind::kRsa4096,          KeyKind::kEcP384,     KeyKind::kHmacSha384,
    KeyKind::kHmacSha512,       KeyKind::kAes256Cmac, KeyKind::kRsa3072Unwrapping,
    KeyKind::kRsa4096Unwrapping};

class HsmContract : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() == "Fake") {
      hsm_ = std::make_unique<testing::FakeHsm>();
      return;
    }
    TokenOptions options;
    if (GetParam() == "Nss") {
      nss_ = std::make_unique<testing::NssToken>();
      options = nss_->options();
    } else {
      softhsm_ = std::make_unique<testing::SoftHsmToken>();
      options = softhsm_->options();
    }
    auto opened = OpenToken(options);
    ASSERT_OK(opened);
    hsm_ = *std::move(opened);
  }

  std::string Wrapped(std::string_view label) {
    auto wrapped = hsm_->Wrap(label, crypto::AsBytes("a secret of some length"), "context");
    EXPECT_OK(wrapped);
    return wrapped.value_or("");
  }

  const std::vector<KeyKind>& Kinds() const { return hsm_->capabilities().kinds; }

  std::unique_ptr<testing::SoftHsmToken> softhsm_;
  std::unique_ptr<testing::NssToken> nss_;
  std::unique_ptr<Hsm> hsm_;
};

INSTANTIATE_TEST_SUITE_P(Hsms, HsmContract, ::testing::Values("Fake", "SoftHsm", "Nss"),
                         [](const auto& param) { return param.param; });

TEST_P(HsmContract, SaysWhatItIsAndSupportsEveryKindThatIsExpectedOfIt) {
  const Capabilities& capabilities = hsm_->capabilities();
  EXPECT_FALSE(capabilities.token_label.empty());
  EXPECT_FALSE(capabilities.token_serial.empty());
  EXPECT_FALSE(capabilities.manufacturer.empty());
  EXPECT_FALSE(capabilities.library.empty());
  for (const KeyKind kind : kAllKinds) {
    // Softokn has Ed25519 since NSS 3.99 only.
    const bool optional = GetParam() == "Nss" && kind == KeyKind::kEd25519;
    EXPECT_TRUE(optional || capabilities.Supports(kind)) << NameOf(kind);
  }
}

TEST_P(HsmContract, RefusesToMakeAKindThatItDoesNotSupport) {
  for (const KeyKind kind : kAllKinds) {
    if (!hsm_->capabilities().Supports(kind)) {
      EXPECT_THAT(hsm_->Generate(NameOf(kind), kind), HasReason(Reason::kAlgorithmUnsupported));
    }
  }
}

TEST_P(HsmContract, ListsEveryKindOfKeyThatItGenerated) {
  for (const KeyKind kind : Kinds()) ASSERT_OK(hsm_->Generate(NameOf(kind), kind));
  const auto keys = hsm_->List();
  ASSERT_OK(keys);
  EXPECT_EQ(keys->size(), Kinds().size());
  for (const KeyKind kind : Kinds()) {
    EXPECT_TRUE(std::any_of(keys->begin(), keys->end(), [&](const HsmKey& key) {
      return key.label == NameOf(kind) && key.kind == kind;
    })) << NameOf(kind);
  }
}

TEST_P(HsmContract, SignaturesVerifyUnderThePublicKey) {
  struct Case {
    KeyKind kind;
    Mechanism mechanism;
    SignatureAlgorithm algorithm;
  };
  std::vector<Case> cases = {
      {KeyKind::kEcP256, Mechanism::kEcdsaP256Sha256, SignatureAlgorithm::kEcdsaP256Sha256},
      {KeyKind::kEcP384, Mechanism::kEcdsaP384Sha384, SignatureAlgorithm::kEcdsaP384Sha384},
      {KeyKind::kEd25519, Mechanism::kEd25519, SignatureAlgorithm::kEd25519},
  };
  for (const KeyKind kind : {KeyKind::kRsa2048, KeyKind::kRsa3072, KeyKind::kRsa4096}) {
    cases.push_back({kind, Mechanism::kRsaPkcs1Sha256, SignatureAlgorithm::kRsaPkcs1Sha256});
    cases.push_back({kind, Mechanism::kRsaPkcs1Sha384, SignatureAlgorithm::kRsaPkcs1Sha384});
    cases.push_back({kind, Mechanism::kRsaPkcs1Sha512, SignatureAlgorithm::kRsaPkcs1Sha512});
    cases.push_back({kind, Mechanism::kRsaPssSha256, SignatureAlgorithm::kRsaPssSha256});
    cases.push_back({kind, Mechanism::kRsaPssSha384, SignatureAlgorithm::kRsaPssSha384});
    cases.push_back({kind, Mechanism::kRsaPssSha512, SignatureAlgorithm::kRsaPssSha512});
  }
  for (const KeyKind kind : Kinds()) ASSERT_OK(hsm_->Generate(NameOf(kind), kind));
  for (const Case& c : cases) {
    if (!hsm_->capabilities().Supports(c.kind)) continue;
    SCOPED_TRACE(NameOf(c.kind));
    const auto spki = hsm_->PublicKey(NameOf(c.kind));
    ASSERT_OK(spki);
    const auto public_key = crypto::PublicKey::FromSpki(*spki);
    ASSERT_OK(public_key);
    auto signature = hsm_->Sign(NameOf(c.kind), c.mechanism, "a message");
    ASSERT_OK(signature);
    if (c.kind == KeyKind::kEcP256 || c.kind == KeyKind::kEcP384) {
      EXPECT_EQ(signature->size(), c.kind == KeyKind::kEcP256 ? 64U : 96U);
      signature = crypto::EcdsaP1363ToDer(*signature);
      ASSERT_OK(signature);
    }
    EXPECT_TRUE((*public_key)->Verify(c.algorithm, "a message", *signature));
    EXPECT_FALSE((*public_key)->Verify(c.algorithm, "another message", *signature));
    const auto hash = HashOf(c.mechanism);
    auto of_digest = hsm_->SignDigest(
        NameOf(c.kind), c.mechanism,
        crypto::HashOf(hash.value_or(crypto::HashAlgorithm::kSha256), "a message"));
    if (!hash.has_value()) {
      EXPECT_THAT(of_digest, HasReason(Reason::kAlgorithmUnsupported));
      continue;
    }
    ASSERT_OK(of_digest);
    if (c.kind == KeyKind::kEcP256 || c.kind == KeyKind::kEcP384) {
      of_digest = crypto::EcdsaP1363ToDer(*of_digest);
      ASSERT_OK(of_digest);
    }
    EXPECT_TRUE((*public_key)->Verify(c.algorithm, "a message", *of_digest));
    EXPECT_THAT(hsm_->SignDigest(NameOf(c.kind), c.mechanism, "a message"),
                HasReason(Reason::kFieldInvalid));
  }
}

TEST_P(HsmContract, TagsDependOnTheMessageAndTheKeyOnly) {
  struct Case {
    KeyKind kind;
    Mechanism mechanism;
    std::size_t size;
  };
  for (const Case& c : {Case{KeyKind::kHmacSha256, Mechanism::kHmacSha256, 32},
                        Case{KeyKind::kHmacSha384, Mechanism::kHmacSha384, 48},
                        Case{KeyKind::kHmacSha512, Mechanism::kHmacSha512, 64},
                        Case{KeyKind::kAes256Cmac, Mechanism::kAesCmac, 16}}) {
    SCOPED_TRACE(NameOf(c.kind));
    const std::string one = std::string(NameOf(c.kind)) + "/1";
    const std::string two = std::string(NameOf(c.kind)) + "/2";
    ASSERT_OK(hsm_->Generate(one, c.kind));
    ASSERT_OK(hsm_->Generate(two, c.kind));
    const auto tag = hsm_->Sign(one, c.mechanism, "message");
    ASSERT_OK(tag);
    EXPECT_EQ(tag->size(), c.size);
    EXPECT_EQ(*tag, *hsm_->Sign(one, c.mechanism, "message"));
    EXPECT_NE(*tag, *hsm_->Sign(one, c.mechanism, "messagf"));
    EXPECT_NE(*tag, *hsm_->Sign(two, c.mechanism, "message"));
    ASSERT_OK(hsm_->Sign(one, c.mechanism, ""));
    // 64 KiB, the most that is signed.
    const std::string long_message(64 * 1024, 'x');
    EXPECT_NE(*hsm_->Sign(one, c.mechanism, long_message),
              *hsm_->Sign(one, c.mechanism, long_message + "x"));
  }
}

TEST_P(HsmContract, RefusesAMechanismThatIsNotForTheKind) {
  ASSERT_OK(hsm_->Generate("mac", KeyKind::kHmacSha256));
  ASSERT_OK(hsm_->Generate("wrap", KeyKind::kAes256Wrapping));
  ASSERT_OK(hsm_->Generate("ec", KeyKind::kEcP256));
  const auto unsupported = HasReason(Reason::kAlgorithmUnsupported);
  EXPECT_THAT(hsm_->Sign("wrap", Mechanism::kHmacSha256, "m"), unsupported);
  EXPECT_THAT(hsm_->SignDigest("mac", Mechanism::kHmacSha256, std::string(32, 'x')), unsupported);
  EXPECT_THAT(hsm_->SignDigest("ec", Mechanism::kRsaPssSha256, std::string(32, 'x')), unsupported);
  EXPECT_THAT(hsm_->Sign("ec", Mechanism::kRsaPssSha256, "m"), unsupported);
  EXPECT_THAT(hsm_->Sign("ec", Mechanism::kEcdsaP384Sha384, "m"), unsupported);
  EXPECT_THAT(hsm_->Sign("mac", Mechanism::kHmacSha512, "m"), unsupported);
  EXPECT_THAT(hsm_->Sign("wrap", Mechanism::kAesCmac, "m"), unsupported);
  ASSERT_OK(hsm_->Generate("cmac", KeyKind::kAes256Cmac));
  EXPECT_THAT(hsm_->Wrap("cmac", crypto::AsBytes("secret"), ""), unsupported);
  EXPECT_THAT(hsm_->Wrap("mac", crypto::AsBytes("secret"), ""), unsupported);
  EXPECT_THAT(hsm_->Unwrap("mac", Wrapped("wrap"), "context"), unsupported);
  EXPECT_THAT(hsm_->PublicKey("mac"), unsupported);
  EXPECT_THAT(hsm_->Probe("wrap"), unsupported);
}

TEST_P(HsmContract, UnwrapsWhatItWrapped) {
  ASSERT_OK(hsm_->Generate("wrap", KeyKind::kAes256Wrapping));
  for (const std::size_t size : {1U, 16U, 32U, 1000U}) {
    const std::string secret(size, 's');
    for (const std::string aad : {"", "context"}) {
      const auto wrapped = hsm_->Wrap("wrap", crypto::AsBytes(secret), aad);
      ASSERT_OK(wrapped);
      EXPECT_EQ(wrapped->size(), 12 + size + 16);
      const auto unwrapped = hsm_->Unwrap("wrap", *wrapped, aad);
      ASSERT_OK(unwrapped);
      EXPECT_EQ(crypto::AsText(unwrapped->Expose(crypto::SecretAccess::kGranted)), secret);
    }
  }
}

TEST_P(HsmContract, NeverWrapsTwiceWithOneIv) {
  ASSERT_OK(hsm_->Generate("wrap", KeyKind::kAes256Wrapping));
  EXPECT_NE(Wrapped("wrap").substr(0, 12), Wrapped("wrap").substr(0, 12));
}

TEST_P(HsmContract, RefusesABlobWithAnyByteChanged) {
  ASSERT_OK(hsm_->Generate("wrap", KeyKind::kAes256Wrapping));
  const std::string wrapped = Wrapped("wrap");
  for (std::size_t i = 0; i < wrapped.size(); ++i) {
    std::string changed = wrapped;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_THAT(hsm_->Unwrap("wrap", changed, "context"), HasReason(Reason::kIntegrityFailure))
        << "byte " << i;
  }
  EXPECT_OK(hsm_->Unwrap("wrap", wrapped, "context"));
}

TEST_P(HsmContract, RefusesABlobThatIsCutOrForAnotherContextOrKey) {
  ASSERT_OK(hsm_->Generate("wrap", KeyKind::kAes256Wrapping));
  ASSERT_OK(hsm_->Generate("other", KeyKind::kAes256Wrapping));
  const std::string wrapped = Wrapped("wrap");
  const auto refused = HasReason(Reason::kIntegrityFailure);
  for (std::size_t size = 0; size < wrapped.size(); ++size) {
    EXPECT_THAT(hsm_->Unwrap("wrap", wrapped.substr(0, size), "context"), refused) << size;
  }
  EXPECT_THAT(hsm_->Unwrap("wrap", wrapped + "x", "context"), refused);
  EXPECT_THAT(hsm_->Unwrap("wrap", wrapped, "contexu"), refused);
  EXPECT_THAT(hsm_->Unwrap("wrap", wrapped, ""), refused);
  EXPECT_THAT(hsm_->Unwrap("other", wrapped, "context"), refused);
}

TEST_P(HsmContract, KnowsNoKeyThatWasNotGenerated) {
  const auto not_found = HasReason(Reason::kKeyNotFound);
  EXPECT_THAT(hsm_->Sign("nobody", Mechanism::kHmacSha256, "m"), not_found);
  EXPECT_THAT(hsm_->Wrap("nobody", crypto::AsBytes("secret"), ""), not_found);
  EXPECT_THAT(hsm_->Unwrap("nobody", std::string(60, 'x'), ""), not_found);
  EXPECT_THAT(hsm_->PublicKey("nobody"), not_found);
  EXPECT_THAT(hsm_->Destroy("nobody"), not_found);
  EXPECT_THAT(hsm_->Probe("nobody"), not_found);
  const auto keys = hsm_->List();
  ASSERT_OK(keys);
  EXPECT_TRUE(keys->empty());
}

TEST_P(HsmContract, KeepsTheFirstKeyWhenALabelIsTaken) {
  ASSERT_OK(hsm_->Generate("key", KeyKind::kHmacSha256));
  const auto before = hsm_->Sign("key", Mechanism::kHmacSha256, "message");
  ASSERT_OK(before);
  EXPECT_THAT(hsm_->Generate("key", KeyKind::kHmacSha256), HasReason(Reason::kKeyExists));
  EXPECT_THAT(hsm_->Generate("key", KeyKind::kEcP256), HasReason(Reason::kKeyExists));
  EXPECT_EQ(*before, *hsm_->Sign("key", Mechanism::kHmacSha256, "message"));
}

TEST_P(HsmContract, DestroysAKeyForGoodAndNoOther) {
  ASSERT_OK(hsm_->Generate("doomed", KeyKind::kEcP256));
  ASSERT_OK(hsm_->Generate("kept", KeyKind::kEcP256));
  ASSERT_OK(hsm_->Sign("doomed", Mechanism::kEcdsaP256Sha256, "message"));
  ASSERT_OK(hsm_->Destroy("doomed"));
  EXPECT_THAT(hsm_->Sign("doomed", Mechanism::kEcdsaP256Sha256, "m"),
              HasReason(Reason::kKeyNotFound));
  EXPECT_THAT(hsm_->PublicKey("doomed"), HasReason(Reason::kKeyNotFound));
  EXPECT_THAT(hsm_->Destroy("doomed"), HasReason(Reason::kKeyNotFound));
  EXPECT_OK(hsm_->Sign("kept", Mechanism::kEcdsaP256Sha256, "message"));
  ASSERT_OK(hsm_->Generate("doomed", KeyKind::kHmacSha256));
  EXPECT_OK(hsm_->Sign("doomed", Mechanism::kHmacSha256, "message"));
}

TEST_P(HsmContract, ProbesWithARealOperation) {
  ASSERT_OK(hsm_->Generate("canary", KeyKind::kHmacSha256));
  EXPECT_OK(hsm_->Probe("canary"));
  ASSERT_OK(hsm_->Destroy("canary"));
  EXPECT_THAT(hsm_->Probe("canary"), HasReason(Reason::kKeyNotFound));
}

}  // namespace
}  // namespace keysvc::pkcs11
