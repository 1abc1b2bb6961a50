#include "crypto/aead.h"

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/crypto/hex.h"

namespace keysvc::crypto {
namespace {

using ::keysvc::testing::FromHex;
using ::keysvc::testing::HasReason;
using ::keysvc::testing::KeyFromHex;
using ::keysvc::testing::ToHex;

// McGrew and Viega, test case 16.
const char kKey[] = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
const char kPlaintext[] =
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b5"
    "25b16aedf5aa0de657ba637b39";
const char kAad[] = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
const char kSealed[] =
    "cafebabefacedbaddecaf888522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e"
    "48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b";

std::string Read(const absl::StatusOr<SecretBytes>& secret) {
  return std::string(AsText(secret.value().Expose(SecretAccess::kGranted)));
}

TEST(AeadTest, ThePublishedCiphertextOpens) {
  const auto aead = Aes256Gcm::Create(KeyFromHex(kKey)).value();
  EXPECT_EQ(ToHex(Read(aead->Open(FromHex(kSealed), FromHex(kAad)))), kPlaintext);
}

TEST(AeadTest, WhatIsSealedOpens) {
  const auto aead = Aes256Gcm::Create(KeyFromHex(kKey)).value();
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
  const auto aead = Aes256Gcm::Create(KeyFromHex(kKey)).value();
  const std::string sealed = FromHex(kSealed);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 0x80);
    EXPECT_THAT(aead->Open(changed, FromHex(kAad)), HasReason(Reason::kIntegrityFailure)) << i;
  }
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_THAT(aead->Open(sealed.substr(0, size), FromHex(kAad)),
                HasReason(Reason::kIntegrityFailure))
        << size;
  }
  EXPECT_THAT(aead->Open(sealed + "x", FromHex(kAad)), HasReason(Reason::kIntegrityFailure));
}

TEST(AeadTest, NothingOpensWithAnotherContextOrKey) {
  const auto aead = Aes256Gcm::Create(KeyFromHex(kKey)).value();
  std::string aad = FromHex(kAad);
  for (std::size_t i = 0; i < aad.size(); ++i) {
    std::string changed = aad;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_THAT(aead->Open(FromHex(kSealed), changed), HasReason(Reason::kIntegrityFailure)) << i;
  }
  EXPECT_THAT(aead->Open(FromHex(kSealed), ""), HasReason(Reason::kIntegrityFailure));
  const auto other = Aes256Gcm::Create(SecretKey<32>::Random().value()).value();
  EXPECT_THAT(other->Open(FromHex(kSealed), aad), HasReason(Reason::kIntegrityFailure));
}

TEST(AeadTest, NoncesNeverRepeat) {
  const auto aead = Aes256Gcm::Create(KeyFromHex(kKey)).value();
  std::set<std::string> nonces;
  for (int i = 0; i < 5000; ++i) {
    ASSERT_TRUE(nonces.insert(aead->Seal({}, "").value().substr(0, Aes256Gcm::kNonceSize)).second);
  }
}

TEST(AeadTest, ThreadsShareOneKey) {
  const auto aead = Aes256Gcm::Create(KeyFromHex(kKey)).value();
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
