#include "tests/fakes/software_signer.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "crypto/bytes.h"
#include "status/reason.h"

namespace keysvc::testing {
namespace {

constexpr std::array<std::uint8_t, 32> kRfc8032Test1 = {
    0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
    0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};

}  // namespace

struct SoftwareSigner::Key {
  explicit Key(EVP_PKEY* key) : pkey(key) {}
  ~Key() { EVP_PKEY_free(pkey); }
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;

  EVP_PKEY* pkey;
};

std::unique_ptr<SoftwareSigner> SoftwareSigner::Ed25519() {
  return std::unique_ptr<SoftwareSigner>(
      new SoftwareSigner(std::make_unique<Key>(EVP_PKEY_new_raw_private_key(
          EVP_PKEY_ED25519, nullptr, kRfc8032Test1.data(), kRfc8032Test1.size()))));
}

std::unique_ptr<SoftwareSigner> SoftwareSigner::P256() {
  return std::unique_ptr<SoftwareSigner>(
      new SoftwareSigner(std::make_unique<Key>(EVP_EC_gen("P-256"))));
}

SoftwareSigner::SoftwareSigner(std::unique_ptr<Key> key) : key_(std::move(key)) {
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key_->pkey, &der);
  spki_ = crypto::AsText({der, static_cast<std::size_t>(size)});
  OPENSSL_free(der);
}

SoftwareSigner::~SoftwareSigner() = default;

void SoftwareSigner::Set(Fault fault) {
  const std::lock_guard lock(mutex_);
  fault_ = fault;
}

void SoftwareSigner::AwaitCalls(int count) {
  std::unique_lock lock(mutex_);
  called_.wait(lock, [&] { return calls_ >= count; });
}

absl::StatusOr<std::string> SoftwareSigner::Sign(std::string_view text) {
  const std::lock_guard lock(mutex_);
  ++calls_;
  called_.notify_all();
  if (fault_ == Fault::kUnavailable) return Error(Reason::kHsmUnavailable, "the fake is away");
  const crypto::ByteView message = crypto::AsBytes(text);
  std::array<std::uint8_t, 128> signature{};
  std::size_t size = signature.size();
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  const EVP_MD* digest = EVP_PKEY_is_a(key_->pkey, "ED25519") == 1 ? nullptr : EVP_sha256();
  const bool done =
      EVP_DigestSignInit(context, nullptr, digest, nullptr, key_->pkey) == 1 &&
      EVP_DigestSign(context, signature.data(), &size, message.data(), message.size()) == 1;
  EVP_MD_CTX_free(context);
  if (!done) return Error(Reason::kHsmFailure, "the fake cannot sign");
  if (fault_ == Fault::kWrongSignature) signature[size - 1] ^= 1;
  return std::string(crypto::AsText({signature.data(), size}));
}

}  // namespace keysvc::testing
