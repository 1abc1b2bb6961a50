// Published inputs and answers of the primitives, in hexadecimal, for the self-tests at start-up.
#ifndef KEYSVC_CRYPTO_KNOWN_ANSWERS_H_
#define KEYSVC_CRYPTO_KNOWN_ANSWERS_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace keysvc::crypto::known {

// The bytes of a hexadecimal constant.
inline std::string Bytes(std::string_view hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1])));
  }
  return bytes;
}

// FIPS 180-4, "abc".
inline constexpr std::string_view kSha256OfAbc =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

// RFC 4231 case 2, the key "Jefe" padded with zeros as HMAC does.
inline constexpr std::string_view kHmacKey =
    "4a65666500000000000000000000000000000000000000000000000000000000";
inline constexpr std::string_view kHmacMessage = "what do ya want for nothing?";
inline constexpr std::string_view kHmacTag =
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

// McGrew and Viega, test case 16 of GCM: nonce, ciphertext and tag in one.
inline constexpr std::string_view kGcmKey =
    "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
inline constexpr std::string_view kGcmAad = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
inline constexpr std::string_view kGcmPlaintext =
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b5"
    "25b16aedf5aa0de657ba637b39";
inline constexpr std::string_view kGcmSealed =
    "cafebabefacedbaddecaf888522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e"
    "48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b";

// FIPS 197, appendix C.3.
inline constexpr std::string_view kAesKey =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
inline constexpr std::string_view kAesIn = "00112233445566778899aabbccddeeff";
inline constexpr std::string_view kAesOut = "8ea2b7ca516745bfeafc49904b496089";

// NIST's ninth sample of FF1: numerals of radix 36, one a byte.
inline constexpr unsigned kFf1Radix = 36;
inline constexpr std::string_view kFf1Key =
    "2b7e151628aed2a6abf7158809cf4f3cef4359d8d580aa4f7f036d6f04fc6a94";
inline constexpr std::string_view kFf1Tweak = "3737373770717273373737";
inline constexpr std::string_view kFf1Plain = "000102030405060708090a0b0c0d0e0f101112";
inline constexpr std::string_view kFf1Permuted = "211c080a000a2311020a1f220a1522231e200d";

// RFC 5869 with kAesKey, an empty salt and 32 bytes of output; computed with pyca/cryptography.
inline constexpr std::string_view kHkdfInfo = "keysvc self-test";
inline constexpr std::string_view kHkdfOut =
    "1668bb07b06229f2c299914329de8feebc5f7d21108a6bdec17203303f44c033";

// What the signatures below sign, except Ed25519's.
inline constexpr std::string_view kSignedMessage = "sample";

// RFC 6979 A.2.5.
inline constexpr std::string_view kP256Point =
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628"
    "bc64f2f1b20c2d7e9f5177a3c294d4462299";
inline constexpr std::string_view kEcdsaSignature =
    "3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716022100f7cb1c942d657c"
    "41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";

// RFC 8032 7.1, test 1: the empty message.
inline constexpr std::string_view kEd25519Point =
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
inline constexpr std::string_view kEd25519Signature =
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b4"
    "6bd25bf5f0595bbe24655141438e7a100b";

// RSA-2048 with the exponent 65537; signatures made with pyca/cryptography.
inline constexpr std::string_view kRsaExponent = "010001";
inline constexpr std::string_view kRsaModulus =
    "d8c61a41b5ce8c84e54f8ec45091eea35798e5dbeba0c6a5d1a613c4463ecaa727e1364c9b51206095fd9e3f4a25f0"
    "08cea01633ce99d0102c9719fcd97fc2524aebc1492c202edfbf34bf4eabe183ff7f87db8d64abe87f81257ed1aae3"
    "bcfce57ba562abcd860a049082d8aec5a610cdc6cc76da20b1d056c821cb2c207c09e1164d66c8770f80a139a3766f"
    "fcc2bbe74f8cf7cf48abbfa74108f8496c960f66f1752b540fc4cb10ee8ff3a29c35fea3af8c41bba9b86a7cbc3d8b"
    "b20a6b9005e3f0ad35d686ae1a82196662ebc522a32c88971fbd6e426728b2f5821c27cc5689e1726da0eb77f1aab2"
    "887bc9e0dbfd20cf58d33915d8050cd583e64ea7a9";
inline constexpr std::string_view kRsaPkcs1Signature =
    "9767b9e0fa1d5fcb96bffe3a19cf05d6c2f9ab956556d4e078df73febfda4d493988304fbe109611c60130682a215d"
    "6568073d81739b13a37934309842a0abb4cd46b1e78ea978f697fb651ac62fd9c002fb50fe781822d769b29324cc8e"
    "89e7cdfb8099655181a097aff1cf09e2749bfd4cd981e3924d5dee768b470e0af235fa34d7d2ded4c277064247fdea"
    "ecf4c17acc182a8c22980d9a03f803263b5d3faf385d5a553d4481a4b9e84aa95f9ab693b478dc7195e47503925cb0"
    "e19a166534170044b6e9cc44cad61d42379d5703a742c64d7a1db4eb9d0840635a288bd72c9ec117181565a8a2e04b"
    "55088cbcb77790af994c20952d2af762747d47c1c2";
inline constexpr std::string_view kRsaPssSignature =
    "7d655505512b50fe0642c73c8b686b6c408922563981bccb9c2e71646d32acc426f7a57d4f5226ccda45a7a8475eb6"
    "bf2351301269820b5efda1f5da1d7b41271f5a9d7e633a46d1c73a985225812a376c46b1e9ad12e7ec76bd19a1826b"
    "e7bab7a258e850b49ceb5b3ecee3e30a16e01986761f38ff355155559b57b23b2ea06c01bf46e2b70f21c7f0c1c876"
    "391cd95e4423b9a47a92053b4623b1531ba4bb4efe59f61c51ef298c2d790f5bb905177a002b20ce20544a2e338b9d"
    "8611cdb2346a3c50a97d365f5e8e898881c3ec09e130f30dc9accb8c13892deaf4b28126ab04924766970ee4ff2bb2"
    "9bd71a60130ce5761152fc49f1ace2d14b33c42090";

}  // namespace keysvc::crypto::known

#endif  // KEYSVC_CRYPTO_KNOWN_ANSWERS_H_
