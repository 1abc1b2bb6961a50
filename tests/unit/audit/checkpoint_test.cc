#include "audit/checkpoint.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/software_signer.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/crypto/hex.h"

namespace keysvc::audit {
namespace {

using ::keysvc::testing::Bytes;
using ::keysvc::testing::HasReason;
using ::keysvc::testing::SoftwareSigner;
using ::testing::HasSubstr;

constexpr char kOrigin[] = "audit.example.com/test";
constexpr char kVerifierKey[] =
    "audit.example.com/test+cdc07915+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";
constexpr char kNote[] =
    "audit.example.com/test\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n\n"
    "\xe2\x80\x94 audit.example.com/test "
    "zcB5FX1hB9auQZZrhiXGJ95yskdAwQsqvAJ+CawDEhRnZZKm/t0Gs3vgyxXyfAlEWesXoCI2u5fGcWn0PKvmIDJBxAQ="
    "\n";

const auto kRefused = HasReason(Reason::kIntegrityFailure);

Checkpoint EightLeaves() {
  Checkpoint checkpoint{kOrigin, 8, {}};
  const std::string root =
      Bytes("5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
  std::ranges::copy(crypto::AsBytes(root), checkpoint.root.begin());
  return checkpoint;
}

// A note over any text, signed rightly.
std::string Signed(const std::string& text, CheckpointSigner& signer) {
  const std::string good = SignCheckpoint(EightLeaves(), signer).value();
  const std::string id = good.substr(good.rfind(' ') + 1);
  std::string key_id;
  EXPECT_TRUE(absl::Base64Unescape(id.substr(0, id.size() - 1), &key_id));
  const std::string signature = signer.Sign(text).value();
  return text + "\n\xe2\x80\x94 " + kOrigin + " " +
         absl::Base64Escape(key_id.substr(0, 4) + signature) + "\n";
}

TEST(CheckpointTest, AnEd25519CheckpointHasTheBytesOfTheVector) {
  const auto signer = SoftwareSigner::Ed25519();
  EXPECT_EQ(VerifierKey(kOrigin, signer->public_key()), kVerifierKey);
  EXPECT_EQ(SignCheckpoint(EightLeaves(), *signer).value(), kNote);
  EXPECT_EQ(OpenCheckpoint(kNote, kVerifierKey).value(), EightLeaves());
}

TEST(CheckpointTest, TheSignedNoteOfTheGoDocumentationVerifies) {
  const std::string vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
  const std::string text =
      "If you think cryptography is the answer to your problem,\n"
      "then you don't know what your problem is.\n";
  const std::string line =
      "\n\xe2\x80\x94 PeterNeumann "
      "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
      "\n";
  // It is a right note but no checkpoint: its text is what is refused, its signature is not.
  EXPECT_THAT(OpenCheckpoint(text + line, vkey).status().ToString(), HasSubstr("three lines"));
  EXPECT_THAT(OpenCheckpoint("I" + text + line, vkey).status().ToString(),
              HasSubstr("signature is wrong"));
}

TEST(CheckpointTest, AnEcdsaCheckpointIsOpenedByItsKeyOnly) {
  const auto signer = SoftwareSigner::P256();
  const std::string vkey = VerifierKey(kOrigin, signer->public_key());
  const std::string note = SignCheckpoint(EightLeaves(), *signer).value();
  EXPECT_EQ(OpenCheckpoint(note, vkey).value(), EightLeaves());
  EXPECT_THAT(vkey, HasSubstr("+AjBZ"));
  EXPECT_THAT(OpenCheckpoint(note, kVerifierKey), kRefused);
  EXPECT_THAT(OpenCheckpoint(note, VerifierKey(kOrigin, SoftwareSigner::P256()->public_key())),
              kRefused);
}

TEST(CheckpointTest, NoByteOfANoteCanBeChanged) {
  const std::string note = kNote;
  for (std::size_t i = 0; i < note.size(); ++i) {
    for (const int bit : {0x01, 0x20, 0x80}) {
      std::string changed = note;
      changed[i] = static_cast<char>(changed[i] ^ bit);
      EXPECT_THAT(OpenCheckpoint(changed, kVerifierKey), kRefused) << i;
    }
    EXPECT_THAT(OpenCheckpoint(note.substr(0, i), kVerifierKey), kRefused) << i;
  }
  EXPECT_THAT(OpenCheckpoint(note + "x", kVerifierKey), kRefused);
  EXPECT_THAT(OpenCheckpoint(note + "\n", kVerifierKey), kRefused);
}

TEST(CheckpointTest, TextOfAnotherFormIsRefusedThoughItIsSigned) {
  const auto signer = SoftwareSigner::Ed25519();
  const std::string root = "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n";
  const std::string origin = std::string(kOrigin) + "\n";
  ASSERT_OK(OpenCheckpoint(Signed(origin + "8\n" + root, *signer), kVerifierKey));
  for (const std::string& text :
       {origin + "08\n" + root, origin + "+8\n" + root, origin + "8 \n" + root,
        origin + "-8\n" + root, origin + "18446744073709551616\n" + root,
        origin + "8\n" + root + "extension\n", origin + "8\n", origin + "8\nAAAA\n",
        origin + "8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyh=\n",
        "audit.example.com/other\n8\n" + root}) {
    EXPECT_THAT(OpenCheckpoint(Signed(text, *signer), kVerifierKey), kRefused) << text;
  }
}

TEST(CheckpointTest, SignaturesByOthersArePassedOver) {
  const std::string note = kNote;
  const std::string other = "\xe2\x80\x94 witness.example.org AAAAAAAA\n";
  EXPECT_OK(OpenCheckpoint(note + other, kVerifierKey));
  std::string many = note;
  for (int i = 0; i < 16; ++i) many += other;
  EXPECT_OK(OpenCheckpoint(many, kVerifierKey));
  const std::string text = CheckpointText(EightLeaves());
  EXPECT_THAT(OpenCheckpoint(text + "\n" + other, kVerifierKey), kRefused);
  EXPECT_THAT(OpenCheckpoint(text + "\n", kVerifierKey), kRefused);
  // A right signature does not make a wrong one by the same key good.
  const std::string wrong = "\xe2\x80\x94 audit.example.com/test zcB5FQAA\n";
  EXPECT_THAT(OpenCheckpoint(note + wrong, kVerifierKey), kRefused);
}

TEST(CheckpointTest, AMalformedVerifierKeyIsRefused) {
  for (const std::string_view vkey :
       {"", "audit.example.com/test", "audit.example.com/test+cdc07915",
        "audit.example.com/test+cdc07916+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea",
        "audit.example.com/test+cdc07915+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1E",
        "audit.example.com/test+cdc07915+",
        "+cdc07915+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"}) {
    EXPECT_THAT(OpenCheckpoint(kNote, vkey), kRefused) << vkey;
  }
}

TEST(CheckpointTest, ASignatureThatDoesNotVerifyNeverLeaves) {
  const auto signer = SoftwareSigner::Ed25519();
  signer->Set(SoftwareSigner::Fault::kWrongSignature);
  EXPECT_THAT(SignCheckpoint(EightLeaves(), *signer), HasReason(Reason::kHsmFailure));
  signer->Set(SoftwareSigner::Fault::kUnavailable);
  EXPECT_THAT(SignCheckpoint(EightLeaves(), *signer), HasReason(Reason::kHsmUnavailable));
}

}  // namespace
}  // namespace keysvc::audit
