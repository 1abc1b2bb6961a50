#include "crypto/ff1.h"

#include <openssl/evp.h>

#include <cstddef>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "status/reason.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/crypto/hex.h"

namespace keysvc::crypto {
namespace {

using ::keysvc::testing::Bytes;
using ::keysvc::testing::KeyFromHex;

constexpr std::string_view kKey =
    "2b7e151628aed2a6abf7158809cf4f3cef4359d8d580aa4f7f036d6f04fc6a94";

// AES with a key of any of its three sizes.
Ff1::BlockCipher AesOf(std::string_view key_hex) {
  const std::string key = Bytes(key_hex);
  return [key](const Aes256Block::Block& in) {
    const EVP_CIPHER* const cipher = key.size() == 16   ? EVP_aes_128_ecb()
                                     : key.size() == 24 ? EVP_aes_192_ecb()
                                                        : EVP_aes_256_ecb();
    Aes256Block::Block out{};
    int size = 0;
    EVP_CIPHER_CTX* const context = EVP_CIPHER_CTX_new();
    EXPECT_EQ(EVP_EncryptInit_ex(context, cipher, nullptr, AsBytes(key).data(), nullptr), 1);
    EXPECT_EQ(EVP_CIPHER_CTX_set_padding(context, 0), 1);
    EXPECT_EQ(EVP_EncryptUpdate(context, out.data(), &size, in.data(), 16), 1);
    EVP_CIPHER_CTX_free(context);
    return out;
  };
}

std::string NumeralsOf(std::string_view text) {
  std::string numerals;
  for (const char c : text) {
    numerals.push_back(static_cast<char>(c <= '9' ? c - '0' : c - 'a' + 10));
  }
  return numerals;
}

std::string Permuted(const absl::StatusOr<SecretBytes>& numerals) {
  return std::string(AsText(numerals.value().Expose(SecretAccess::kGranted)));
}

struct Sample {
  std::size_t key_bytes;
  std::string_view tweak_hex;
  unsigned radix;
  std::string_view plain;
  std::string_view permuted;
};

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kLetters = "0123456789abcdefghi";
constexpr std::string_view kTenBytes = "39383736353433323130";
constexpr std::string_view kElevenBytes = "3737373770717273373737";

// The samples that NIST publishes for FF1, in their order.
constexpr Sample kNistSamples[] = {
    {16, "", 10, kDigits, "2433477484"},
    {16, kTenBytes, 10, kDigits, "6124200773"},
    {16, kElevenBytes, 36, kLetters, "a9tv40mll9kdu509eum"},
    {24, "", 10, kDigits, "2830668132"},
    {24, kTenBytes, 10, kDigits, "2496655549"},
    {24, kElevenBytes, 36, kLetters, "xbj3kv35jrawxv32ysr"},
    {32, "", 10, kDigits, "6657667009"},
    {32, kTenBytes, 10, kDigits, "1001623463"},
    {32, kElevenBytes, 36, kLetters, "xs8a0azh2avyalyzuwd"},
};

// Computed with an independent implementation that gives NIST's samples too: the smallest domain,
// uneven halves, leading zeros, tweaks that just fit beside a half, just do not and fill a block of
// their own, and halves that need a second block of the round's output.
constexpr Sample kComputedSamples[] = {
    {32, "34313131313131313131", 10, "111111", "210326"},
    {32, "34313131313131313131", 10, "000000", "857200"},
    {32, "", 10, "000000", "515643"},
    {32, "74656e616e742d61", 10, "378282246310005", "431860364607804"},
    {32, "7878787878787878787878787878787878", 10,
     "12345678901234567890123456789012345678901234567890123456",
     "92562150000038976943710054550558852789028712364968732782"},
    {32, "787878787878787878787878", 10, kDigits, "4376038078"},
    {32, "78787878787878787878787878", 10, kDigits, "6423599542"},
    {32, "", 10, "123456123456123456123456123456123456123456123456123456123456",
     "769269967955027298747549871152948652435689924444328249560154"},
};

void ExpectSample(const Sample& sample) {
  SCOPED_TRACE(sample.permuted);
  const Ff1 ff1(AesOf(kKey.substr(0, 2 * sample.key_bytes)), sample.radix);
  const std::string tweak = Bytes(sample.tweak_hex);
  const std::string plain = NumeralsOf(sample.plain);
  const std::string permuted = NumeralsOf(sample.permuted);
  EXPECT_EQ(Permuted(ff1.Encrypt(AsBytes(plain), tweak)), permuted);
  EXPECT_EQ(Permuted(ff1.Decrypt(AsBytes(permuted), tweak)), plain);
}

TEST(Ff1Test, ThePublishedSamplesAreEncryptedAndDecrypted) {
  for (const Sample& sample : kNistSamples) ExpectSample(sample);
}

TEST(Ff1Test, TheComputedSamplesAreEncryptedAndDecrypted) {
  for (const Sample& sample : kComputedSamples) ExpectSample(sample);
}

TEST(Ff1Test, AKeyOf256BitsGivesTheSamplesOfItsSize) {
  const auto ff1 = Ff1::Create(KeyFromHex(kKey), 10).value();
  EXPECT_EQ(Permuted(ff1->Encrypt(AsBytes(NumeralsOf(kDigits)), "")), NumeralsOf("6657667009"));
}

TEST(Ff1Test, EveryRadixAndLengthComesBackUnderEveryTweak) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (const unsigned radix : {2U, 3U, 10U, 16U, 26U, 36U, 62U, 256U}) {
    const auto ff1 = Ff1::Create(KeyFromHex(kKey), radix).value();
    for (std::size_t length = 2; length <= 60; ++length) {
      if (!Ff1::Admits(radix, length)) continue;
      for (const std::size_t tweak_size : {0U, 1U, 7U, 8U, 15U, 16U, 17U, 31U, 33U, 1000U}) {
        std::string plain(length, '\0');
        for (char& numeral : plain) numeral = static_cast<char>(random() % radix);
        const std::string tweak(tweak_size, static_cast<char>(random()));
        const std::string permuted = Permuted(ff1->Encrypt(AsBytes(plain), tweak));
        ASSERT_EQ(permuted.size(), length);
        for (const std::uint8_t numeral : AsBytes(permuted)) ASSERT_LT(numeral, radix);
        ASSERT_EQ(Permuted(ff1->Decrypt(AsBytes(permuted), tweak)), plain)
            << "radix " << radix << ", length " << length << ", tweak " << tweak_size;
      }
    }
  }
}

TEST(Ff1Test, TheSmallestDomainIsPermutedWholeAndNothingMeets) {
  const auto ff1 = Ff1::Create(KeyFromHex(kKey), 10).value();
  std::vector<bool> seen(1'000'000);
  for (std::size_t i = 0; i < seen.size(); ++i) {
    std::string plain(6, '\0');
    std::size_t rest = i;
    for (char& digit : plain) {
      digit = static_cast<char>(rest % 10);
      rest /= 10;
    }
    const std::string permuted = Permuted(ff1->Encrypt(AsBytes(plain), "tweak"));
    const std::size_t number = std::accumulate(
        permuted.begin(), permuted.end(), std::size_t{0},
        [](std::size_t sum, char digit) { return sum * 10 + static_cast<std::size_t>(digit); });
    ASSERT_FALSE(seen[number]) << "two strings became " << number;
    seen[number] = true;
  }
}

TEST(Ff1Test, TheTweakDecidesToItsLastByteAndItsLength) {
  const auto ff1 = Ff1::Create(KeyFromHex(kKey), 10).value();
  const std::string plain(15, '\1');
  const std::string under = Permuted(ff1->Encrypt(AsBytes(plain), "tenant-a"));
  EXPECT_NE(Permuted(ff1->Encrypt(AsBytes(plain), "tenant-b")), under);
  EXPECT_NE(Permuted(ff1->Encrypt(AsBytes(plain), std::string_view("tenant-a\0", 9))), under);
}

TEST(Ff1Test, ADomainUnderAMillionIsNotAdmitted) {
  EXPECT_FALSE(Ff1::Admits(10, 5));
  EXPECT_TRUE(Ff1::Admits(10, 6));
  EXPECT_FALSE(Ff1::Admits(2, 19));
  EXPECT_TRUE(Ff1::Admits(2, 20));
  EXPECT_FALSE(Ff1::Admits(256, 2));
  EXPECT_TRUE(Ff1::Admits(256, 3));
  EXPECT_FALSE(Ff1::Admits(1, 100));
  EXPECT_FALSE(Ff1::Admits(257, 10));
  EXPECT_FALSE(Ff1::Admits(10, 0));
}

TEST(Ff1Test, AHalfMayFillFifteenBytesAndNoMore) {
  EXPECT_TRUE(Ff1::Admits(2, 240));
  EXPECT_FALSE(Ff1::Admits(2, 241));
  EXPECT_TRUE(Ff1::Admits(256, 30));
  EXPECT_FALSE(Ff1::Admits(256, 31));
  EXPECT_TRUE(Ff1::Admits(10, 72));
  EXPECT_FALSE(Ff1::Admits(10, 73));
}

TEST(Ff1Test, WhatIsNotAdmittedIsNotPermuted) {
  const auto ff1 = Ff1::Create(KeyFromHex(kKey), 10).value();
  const std::string short_one(5, '\1');
  const std::string no_digit = std::string(6, '\1') + '\x0a';
  for (const std::string& numerals : {std::string(), short_one, no_digit}) {
    EXPECT_EQ(ReasonOf(ff1->Encrypt(AsBytes(numerals), "").status()), Reason::kInternal);
    EXPECT_EQ(ReasonOf(ff1->Decrypt(AsBytes(numerals), "").status()), Reason::kInternal);
  }
}

}  // namespace
}  // namespace keysvc::crypto
