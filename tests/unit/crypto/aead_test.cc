#include "crypto/aead.h"

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "crypto/known_answers.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/crypto/hex.h"

namespace keysvc::crypto {
namespace {

using ::keysvc::testing::Bytes;
using ::keysvc::testing::HasReason;
using ::keysvc::testing::KeyFromHex;
using ::keysvc::testing::ToHex;

std::string Read(const absl::StatusOr<SecretBytes>& secret) {
  return std::string(AsText(secret.value().Expose(SecretAccess::kGranted)));
}

TEST(AeadTest, ThePublishedCiphertextOpens) {
  const auto aead = Aes256Gcm::Create(KeyFromHex(known::kGcmKey)).value();
  EXPECT_EQ(ToHex(Read(aead->Open(Bytes(known::kGcmSealed), Bytes(known::kGcmAad)))),
            known::kGcmPlaintext);
}

TEST(AeadTest, WhatIsSealedOpens) {
  const auto aead = Aes256Gcm::Create(KeyFromHex(known::kGcmKey)).value();
  for (const std::size_t size : {0u, 1u, 15u, 16u, 17u, 64u, 4096u, 65536u}) {
    const std::string plaintext(size, 'p');
    for (const std::string aad : {"", "aad"}) {
      const std::string sealed = aead->Seal(AsBytes(plaintext), aad).value();
      EXPECT_EQ(sealed.size(), size + Aes256Gcm::kNonceSize + Aes256Gcm::kTagSize);
      EXPECT_EQ(Read(aead->Open(sealed, aad)), plaintext);
    }
  }
}

TEST(AeadTest, NothingOpensAfterAChangeOfAnyByte) {
  const auto aead = Aes256Gcm::Create(KeyFromHex(known::kGcmKey)).value();
  const std::string sealed = Bytes(known::kGcmSealed);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 0x80);
    EXPECT_THAT(aead->Open(changed, Bytes(known::kGcmAad)), HasReason(Reason::kIntegrityFailure))
        << i;
  }
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_THAT(aead->Open(sealed.substr(0, size), Bytes(known::kGcmAad)),
                HasReason(Reason::kIntegrityFailure))
        << size;
  }
  EXPECT_THAT(aead->Open(sealed + "x", Bytes(known::kGcmAad)),
              HasReason(Reason::kIntegrityFailure));
}

TEST(AeadTest, NothingOpensWithAnotherContextOrKey) {
  const auto aead = Aes256Gcm::Create(KeyFromHex(known::kGcmKey)).value();
  std::string aad = Bytes(known::kGcmAad);
  for (std::size_t i = 0; i < aad.size(); ++i) {
    std::string changed = aad;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_THAT(aead->Open(Bytes(known::kGcmSealed), changed), HasReason(Reason::kIntegrityFailure))
        << i;
  }
  EXPECT_THAT(aead->Open(Bytes(known::kGcmSealed), ""), HasReason(Reason::kIntegrityFailure));
  const auto other = Aes256Gcm::Create(SecretKey<32>::Random().value()).value();
  EXPECT_THAT(other->Open(Bytes(known::kGcmSealed), aad), HasReason(Reason::kIntegrityFailure));
}

TEST(AeadTest, NoncesNeverRepeat) {
  const auto aead = Aes256Gcm::Create(KeyFromHex(known::kGcmKey)).value();
  std::set<std::string> nonces;
  for (int i = 0; i < 5000; ++i) {
    ASSERT_TRUE(nonces.insert(aead->Seal({}, "").value().substr(0, Aes256Gcm::kNonceSize)).second);
  }
}

TEST(AeadTest, ThreadsShareOneKey) {
  const auto aead = Aes256Gcm::Create(KeyFromHex(known::kGcmKey)).value();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const std::string plaintext(static_cast<std::size_t>(20 + t), 'p');
      for (int i = 0; i < 1000; ++i) {
        const std::string sealed = aead->Seal(AsBytes(plaintext), "a").value();
        ASSERT_EQ(Read(aead->Open(sealed, "a")), plaintext);
        ASSERT_FALSE(aead->Open(sealed, "b").ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace keysvc::crypto
