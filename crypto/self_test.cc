#include "crypto/self_test.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "crypto/aead.h"
#include "crypto/aes_block.h"
#include "crypto/digest.h"
#include "crypto/ff1.h"
#include "crypto/kdf.h"
#include "crypto/known_answers.h"
#include "crypto/mac.h"
#include "crypto/public_key.h"
#include "crypto/random.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::crypto {
namespace {

absl::StatusOr<SecretKey<32>> Key(std::string_view hex) {
  const std::string bytes = known::Bytes(hex);
  return SecretKey<32>::From(SecretBytes::CopyOf(AsBytes(bytes)));
}

// A changed last byte: what must not verify.
std::string Spoilt(std::string bytes) {
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  return bytes;
}

absl::StatusOr<bool> Sha256Answers() {
  return AsText(Sha256("abc")) == known::Bytes(known::kSha256OfAbc);
}

absl::StatusOr<bool> HmacAnswers() {
  ASSIGN_OR_RETURN(const SecretKey<32> key, Key(known::kHmacKey));
  ASSIGN_OR_RETURN(const auto mac, HmacSha256::Create(key));
  const std::string tag = known::Bytes(known::kHmacTag);
  return AsText(mac->Compute(known::kHmacMessage)) == tag &&
         mac->Verify(known::kHmacMessage, tag) && !mac->Verify(known::kHmacMessage, Spoilt(tag));
}

absl::StatusOr<bool> HkdfAnswers() {
  ASSIGN_OR_RETURN(const SecretKey<32> key, Key(known::kAesKey));
  ASSIGN_OR_RETURN(const SecretKey<32> expected, Key(known::kHkdfOut));
  ASSIGN_OR_RETURN(const SecretKey<32> derived, DeriveKey(key, known::kHkdfInfo));
  return derived == expected;
}

absl::StatusOr<bool> GcmAnswers() {
  ASSIGN_OR_RETURN(const SecretKey<32> key, Key(known::kGcmKey));
  ASSIGN_OR_RETURN(const auto aead, Aes256Gcm::Create(key));
  const std::string aad = known::Bytes(known::kGcmAad);
  const std::string sealed = known::Bytes(known::kGcmSealed);
  const std::string plaintext = known::Bytes(known::kGcmPlaintext);
  ASSIGN_OR_RETURN(const SecretBytes opened, aead->Open(sealed, aad));
  // A sealed text cannot be compared, since its nonce is new each time; it must open again.
  ASSIGN_OR_RETURN(const std::string again, aead->Seal(AsBytes(plaintext), aad));
  ASSIGN_OR_RETURN(const SecretBytes reopened, aead->Open(again, aad));
  return AsText(opened.Expose(SecretAccess::kGranted)) == plaintext && opened == reopened &&
         !aead->Open(Spoilt(sealed), aad).ok();
}

absl::StatusOr<bool> AesAnswers() {
  ASSIGN_OR_RETURN(const SecretKey<32> key, Key(known::kAesKey));
  ASSIGN_OR_RETURN(const auto aes, Aes256Block::Create(key));
  const auto block = [](std::string_view hex) {
    Aes256Block::Block out{};
    const std::string bytes = known::Bytes(hex);
    std::copy_n(bytes.begin(), out.size(), out.begin());
    return out;
  };
  return aes->Encrypt(block(known::kAesIn)) == block(known::kAesOut) &&
         aes->Decrypt(block(known::kAesOut)) == block(known::kAesIn);
}

absl::StatusOr<bool> Ff1Answers() {
  ASSIGN_OR_RETURN(const SecretKey<32> key, Key(known::kFf1Key));
  ASSIGN_OR_RETURN(const auto ff1, Ff1::Create(key, known::kFf1Radix));
  const std::string plain = known::Bytes(known::kFf1Plain);
  const std::string permuted = known::Bytes(known::kFf1Permuted);
  const std::string tweak = known::Bytes(known::kFf1Tweak);
  ASSIGN_OR_RETURN(const SecretBytes encrypted, ff1->Encrypt(AsBytes(plain), tweak));
  ASSIGN_OR_RETURN(const SecretBytes decrypted, ff1->Decrypt(AsBytes(permuted), tweak));
  return AsText(encrypted.Expose(SecretAccess::kGranted)) == permuted &&
         AsText(decrypted.Expose(SecretAccess::kGranted)) == plain;
}

bool Verifies(const PublicKey& key, SignatureAlgorithm algorithm, std::string_view message,
              std::string_view signature_hex) {
  const std::string signature = known::Bytes(signature_hex);
  return key.Verify(algorithm, message, signature) &&
         !key.Verify(algorithm, message, Spoilt(signature)) &&
         !key.Verify(algorithm, "another message", signature);
}

absl::StatusOr<bool> EcdsaAnswers() {
  ASSIGN_OR_RETURN(const auto key, PublicKey::FromP256Point(known::Bytes(known::kP256Point)));
  return Verifies(*key, SignatureAlgorithm::kEcdsaP256Sha256, known::kSignedMessage,
                  known::kEcdsaSignature);
}

absl::StatusOr<bool> Ed25519Answers() {
  ASSIGN_OR_RETURN(const auto key, PublicKey::FromEd25519(known::Bytes(known::kEd25519Point)));
  return Verifies(*key, SignatureAlgorithm::kEd25519, "", known::kEd25519Signature);
}

absl::StatusOr<bool> RsaAnswers() {
  ASSIGN_OR_RETURN(const auto key, PublicKey::FromRsa(known::Bytes(known::kRsaModulus),
                                                      known::Bytes(known::kRsaExponent)));
  return Verifies(*key, SignatureAlgorithm::kRsaPkcs1Sha256, known::kSignedMessage,
                  known::kRsaPkcs1Signature) &&
         Verifies(*key, SignatureAlgorithm::kRsaPssSha256, known::kSignedMessage,
                  known::kRsaPssSignature);
}

absl::StatusOr<bool> RandomAnswers() {
  // Nobody knows the answer, but a generator that is stuck repeats itself.
  ASSIGN_OR_RETURN(const SecretBytes first, SecretBytes::Random(32));
  ASSIGN_OR_RETURN(const SecretBytes second, SecretBytes::Random(32));
  return !(first == second) && RandomBytes(32) != RandomBytes(32);
}

struct KnownAnswer {
  std::string_view primitive;
  absl::StatusOr<bool> (*answers)();
};

constexpr KnownAnswer kKnownAnswers[] = {
    {"SHA-256", Sha256Answers},    {"HMAC-SHA-256", HmacAnswers}, {"HKDF", HkdfAnswers},
    {"AES-256-GCM", GcmAnswers},   {"AES-256", AesAnswers},       {"FF1", Ff1Answers},
    {"ECDSA P-256", EcdsaAnswers}, {"Ed25519", Ed25519Answers},   {"RSA", RsaAnswers},
    {"random", RandomAnswers},
};

}  // namespace

absl::Status RunSelfTests() {
  for (const KnownAnswer& test : kKnownAnswers) {
    const absl::StatusOr<bool> right = test.answers();
    if (!right.ok() && ReasonOf(right.status()) == Reason::kLockedMemory) return right.status();
    if (!right.ok() || !*right) {
      return Error(Reason::kSelfTestFailed,
                   std::string(test.primitive) + " does not give the known answer");
    }
  }
  return absl::OkStatus();
}

}  // namespace keysvc::crypto
