#include "cose/sign1.h"

#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "crypto/base64.h"
#include "crypto/known_answers.h"
#include "crypto/public_key.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace keysvc::cose {
namespace {

using keysvc::testing::HasReason;

std::string Hex(std::string_view digits) { return crypto::known::Bytes(digits); }

// RFC 9052 appendix C.2.1, and its key of appendix C.7.1.
constexpr char kSignature[] =
    "8eb33e4ca31d1c465ab05aac34cc6b23d58fef5c083106c4d25a91aef0b0117e2af9a291aa32e14ab834dc56ed2a22"
    "3444547e01f11d3b0916e5a4c345cacb36";
std::string Printed() {
  return Hex(absl::StrCat("d28443a10126a10442313154546869732069732074686520636f6e74656e742e5840",
                          kSignature));
}
std::unique_ptr<crypto::PublicKey> PrintedKey() {
  return crypto::PublicKey::FromP256Point(
             absl::StrCat("\x04",
                          *crypto::FromBase64Url("usWxHK2PmfnHKwXPS54m0kTcGJ90UiglWiGahtagnv8"),
                          *crypto::FromBase64Url("IBOL-C3BttVivg-lSreASjpkttcsz-1rb7btKLv8EX4")))
      .value();
}

// An untagged message with these headers, a payload and a signature.
absl::StatusOr<Sign1> ParseWith(std::string_view protected_header,
                                std::string_view unprotected_header = "a0") {
  const std::string header = Hex(protected_header);
  return ParseSign1(absl::StrCat(Hex("8458"), std::string(1, static_cast<char>(header.size())),
                                 header, Hex(unprotected_header), Hex("4161"), Hex("4162")));
}

TEST(Sign1Test, TheExampleOfRfc9052AppendixC21Verifies) {
  const auto message = ParseSign1(Printed());
  ASSERT_OK(message);
  EXPECT_EQ(message->header.alg, "ES256");
  EXPECT_EQ(message->header.kid, "11");
  EXPECT_EQ(message->header.iat, std::nullopt);
  EXPECT_EQ(message->payload, "This is the content.");
  EXPECT_EQ(message->signature, Hex(kSignature));
  const std::string der = crypto::EcdsaP1363ToDer(message->signature).value();
  const auto verifies = [&](std::string_view external_aad, std::string_view payload) {
    return PrintedKey()->Verify(crypto::SignatureAlgorithm::kEcdsaP256Sha256,
                                SigningInput(message->protected_header, external_aad, payload),
                                der);
  };
  EXPECT_TRUE(verifies("", *message->payload));
  EXPECT_FALSE(verifies("x", *message->payload));
  EXPECT_FALSE(verifies("", "This is the content"));
}

TEST(Sign1Test, AMessageIsReadAsItWasWritten) {
  for (const char* alg : {"ES256", "ES384", "EdDSA", "PS256", "PS384", "PS512"}) {
    Sign1 message;
    message.header = {.alg = alg, .kid = "a key", .iat = 1'790'000'000};
    message.protected_header = ProtectedHeader(message.header).value();
    message.payload = std::string(70'000, 'p');
    message.signature = std::string(64, 's');
    auto read = ParseSign1(ToCbor(message));
    ASSERT_OK(read);
    EXPECT_EQ(read->header.alg, alg);
    EXPECT_EQ(read->header.kid, "a key");
    EXPECT_EQ(read->header.iat, 1'790'000'000);
    EXPECT_EQ(read->protected_header, message.protected_header);
    EXPECT_EQ(read->payload, message.payload);
    EXPECT_EQ(read->signature, message.signature);
    message.payload.reset();
    read = ParseSign1(ToCbor(message));
    ASSERT_OK(read);
    EXPECT_EQ(read->payload, std::nullopt);
  }
}

// As anybody else encodes the same: RFC 8949 section 4.2.1.
TEST(Sign1Test, WhatIsWrittenIsInTheDeterministicForm) {
  const Header header{.alg = "EdDSA", .kid = "11", .iat = 1000};
  EXPECT_EQ(absl::BytesToHexString(ProtectedHeader(header).value()), "a30127044231310fa1061903e8");
  EXPECT_EQ(absl::BytesToHexString(ProtectedHeader({.alg = "PS256", .kid = {}, .iat = {}}).value()),
            "a1013824");
  EXPECT_THAT(ProtectedHeader({.alg = "RS256", .kid = {}, .iat = {}}),
              HasReason(Reason::kAlgorithmUnsupported));
  EXPECT_EQ(absl::BytesToHexString(SigningInput(Hex("a10126"), "", "This is the content.")),
            "846a5369676e61747572653143a101264054546869732069732074686520636f6e74656e742e");
  Sign1 message;
  message.protected_header = Hex("a10126");
  message.signature = Hex(kSignature);
  EXPECT_EQ(absl::BytesToHexString(ToCbor(message)),
            absl::StrCat("d28443a10126a0f65840", kSignature));
}

TEST(Sign1Test, TheKeyMayBeNamedInEitherHeaderButNotInBoth) {
  EXPECT_EQ(ParseWith("a10126", "a1044131")->header.kid, "1");
  EXPECT_EQ(ParseWith("a20126044131")->header.kid, "1");
  EXPECT_THAT(ParseWith("a20126044131", "a1044131"), HasReason(Reason::kFieldInvalid));
}

TEST(Sign1Test, HeadersThatMeanNothingHereAreIgnored) {
  // A content type, a text label, and arrays of maps.
  const auto message = ParseWith("a30126036161616b01", "a2054101184081a10102");
  ASSERT_OK(message);
  EXPECT_EQ(message->header.alg, "ES256");
  // Claims beside the issue time: an issuer, a time of expiry, a text label.
  const auto claims = ParseWith("a201260fa401616106014178f6040a");
  EXPECT_THAT(claims, HasReason(Reason::kFieldInvalid)) << "a claim's label is bytes";
  const auto more = ParseWith("a201260fa4016161060261780304f6");
  ASSERT_OK(more);
  EXPECT_EQ(more->header.iat, 2);
}

TEST(Sign1Test, AlgorithmsOfOtherNumbersAreUnknown) {
  EXPECT_EQ(ParseWith("a1013823")->header.alg, "unknown");          // -36, ES512
  EXPECT_EQ(ParseWith("a10105")->header.alg, "unknown");            // HMAC
  EXPECT_EQ(ParseWith("a10107")->header.alg, "unknown");            // 7 is not -7
  EXPECT_EQ(ParseWith("a101654553323536")->header.alg, "unknown");  // the text "ES256"
}

TEST(Sign1Test, WhatIsCriticalHasToBeThereAndUnderstood) {
  EXPECT_OK(ParseWith("a20126028101"));
  EXPECT_OK(ParseWith("a401260283010f040441310fa10601"));
  for (const char* header : {"a20126028104",        // kid, which is not there
                             "a2012602810f",        // claims, which are not there
                             "a30126028103036161",  // the content type
                             "a20126028120",        // -1
                             "a2012602816161",      // a text
                             "a2012602820101",      // twice
                             "a201260280",          // empty
                             "a201260201"}) {       // no list
    EXPECT_THAT(ParseWith(header), HasReason(Reason::kFieldInvalid)) << header;
  }
  EXPECT_THAT(ParseWith("a20126028104", "a1044131"), HasReason(Reason::kFieldInvalid))
      << "what is critical has to be protected";
}

TEST(Sign1Test, WhatIsNotProtectedDecidesNothing) {
  EXPECT_THAT(ParseWith("a10126", "a10126"), HasReason(Reason::kFieldInvalid));
  EXPECT_THAT(ParseWith("a0", "a10126"), HasReason(Reason::kFieldInvalid));
  EXPECT_THAT(ParseWith("a10126", "a1028101"), HasReason(Reason::kFieldInvalid));
  EXPECT_THAT(ParseWith("a10126", "a10fa10601"), HasReason(Reason::kFieldInvalid));
}

TEST(Sign1Test, HeadersOutOfFormAreRefused) {
  for (const char* header : {
           "a0",                              // no alg
           "a1044131",                        // no alg
           "a201260126",                      // twice
           "a1012600",                        // more than the map
           "a1014126",                        // alg is bytes
           "a20126046131",                    // kid is a text
           "a201260f01",                      // claims are no map
           "a201260fa1066131",                // iat is a text
           "a201260fa10620",                  // iat is negative
           "a201260fa106f93c00",              // iat is a floating number
           "a201260fa1061bffffffffffffffff",  // iat is too large
           "a201260fa206010602",              // iat twice
           "a2012604",                        // cut off
           "8101",                            // no map
           "a141010126",                      // a label that is bytes
           "bf0126ff",                        // of indefinite length
           "b8ff0126",                        // more labels than there are
       }) {
    EXPECT_THAT(ParseWith(header), HasReason(Reason::kFieldInvalid)) << header;
  }
}

TEST(Sign1Test, WhatIsNoSign1IsRefused) {
  for (const char* hex : {
           "", "80",
           "8343a10126a04161",          // three
           "8543a10126a04161416200",    // five
           "d18443a10126a041614162",    // another tag: COSE_Mac0
           "d2d28443a10126a041614162",  // two tags
           "84a10126a041614162",        // the protected header is no bytes
           "8440a041614162",            // an empty one
           "8443a101264041614162",      // the unprotected header is no map
           "8443a10126a061614162",      // the payload is a text
           "8443a10126a0f74162",        // the payload is undefined
           "8443a10126a0416140",        // no signature
           "8443a10126a041616162",      // the signature is a text
           "8443a10126a04161416200",    // something behind it
       }) {
    EXPECT_THAT(ParseSign1(Hex(hex)), HasReason(Reason::kFieldInvalid)) << hex;
  }
}

TEST(Sign1Test, NoPrefixOfAMessageIsOneAndNoByteOfItIsFree) {
  const std::string whole = Printed();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THAT(ParseSign1(whole.substr(0, size)), HasReason(Reason::kFieldInvalid)) << size;
  }
  const auto printed = ParseSign1(whole).value();
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      const auto read = ParseSign1(changed);
      if (!read.ok()) continue;
      EXPECT_TRUE(read->protected_header != printed.protected_header ||
                  read->header.kid != printed.header.kid || read->payload != printed.payload ||
                  read->signature != printed.signature)
          << at;
    }
  }
}

}  // namespace
}  // namespace keysvc::cose
