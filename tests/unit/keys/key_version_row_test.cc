#include "keysvc/keys/key_version_row.h"

#include <string>

#include "absl/strings/escaping.h"
#include "crypto/known_answers.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_hsm.h"
#include "tests/support/status_matchers.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::FakeHsm;
using keysvc::testing::HasReason;

KeyRecord SomeRecord() {
  KeyRecord record;
  record.version.name = {{"acme", "webhook"}, 2};
  record.version.parameters = {Purpose::kSign, Algorithm::kEcP256, Protection::kHsm, kYear};
  record.version.state = KeyState::kActive;
  record.version.primary = true;
  record.version.environment = "test";
  record.version.created = absl::FromUnixMillis(1'772'323'200'123);
  record.version.originator_end = record.version.created + kYear;
  record.version.recipient_end = record.version.originator_end + 7 * kYear;
  record.version.hsm_label = "dev/acme/webhook/v2";
  record.version.public_key = "spki";
  record.wrapped = "wrapped";
  record.revision = 2;
  return record;
}

class KeyVersionRowTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(hsm_.Generate("dev/registry/v1", pkcs11::KeyKind::kHmacSha256));
  }
  FakeHsm hsm_;
  KeyVersionRows rows_{hsm_, "dev/registry/v1"};
};

TEST_F(KeyVersionRowTest, ARecordIsReadAsItWasWritten) {
  const KeyRecord record = SomeRecord();
  const auto row = rows_.Seal(record);
  ASSERT_OK(row);
  const auto opened = rows_.Open(*row);
  ASSERT_OK(opened);
  EXPECT_EQ(opened->version.name, record.version.name);
  EXPECT_EQ(opened->version.parameters, record.version.parameters);
  EXPECT_EQ(opened->version.state, KeyState::kActive);
  EXPECT_TRUE(opened->version.primary);
  EXPECT_EQ(opened->version.environment, "test");
  EXPECT_EQ(opened->version.created, record.version.created);
  EXPECT_EQ(opened->version.originator_end, record.version.originator_end);
  EXPECT_EQ(opened->version.recipient_end, record.version.recipient_end);
  EXPECT_EQ(opened->version.hsm_label, record.version.hsm_label);
  EXPECT_EQ(opened->version.public_key, "spki");
  EXPECT_EQ(opened->wrapped, "wrapped");
  EXPECT_EQ(opened->revision, 2u);
  EXPECT_EQ(opened->intent, std::nullopt);
}

// Golden: rows sealed by one build must open in every later one.
TEST_F(KeyVersionRowTest, TheMacIsOverTheseBytes) {
  const auto row = rows_.Seal(SomeRecord());
  ASSERT_OK(row);
  EXPECT_EQ(absl::BytesToHexString(MacInputOf(*row)),
            "0000000e6b6579737663206b657920726f77"  // "keysvc key row"
            "01"
            "0000000461636d65"        // tenant
            "00000007776562686f6f6b"  // key
            "00000002"
            "000000047369676e"                                // purpose
            "0000000745432d50323536"                          // algorithm
            "0000000368736d"                                  // protection
            "0000000474657374"                                // environment
            "0000019ca6b1dc7b"                                // created
            "000001a3fe63087b"                                // end of the originator period
            "000001d7643b3c7b"                                // end of the recipient period
            "000000136465762f61636d652f776562686f6f6b2f7632"  // label
            "0000000777726170706564"                          // wrapped
            "0000000473706b69"                                // public key
            "00000006616374697665"                            // state
            "01"                                              // primary
            "0000000000000002");                              // revision
  EXPECT_EQ(row->mac,
            *hsm_.Sign("dev/registry/v1", pkcs11::Mechanism::kHmacSha256, MacInputOf(*row)));
}

// Golden: what a second format adds to the first, and to the format's number.
TEST_F(KeyVersionRowTest, TheMacIsAlsoOverWhatLaterRowsHave) {
  KeyRecord record = SomeRecord();
  const std::string first = MacInputOf(*rows_.Seal(record));
  record.recovery = "sealed";
  record.reserved_uses = 258;
  const auto row = rows_.Seal(record);
  ASSERT_OK(row);
  std::string expected = first;
  expected[18] = 2;
  expected += crypto::known::Bytes(
      "000000067365616c6564"
      "0000000000000102");
  EXPECT_EQ(MacInputOf(*row), expected);
  const auto opened = rows_.Open(*row);
  ASSERT_OK(opened);
  EXPECT_EQ(opened->recovery, "sealed");
  EXPECT_EQ(opened->reserved_uses, 258u);
}

// Golden: what a third format adds to the second.
TEST_F(KeyVersionRowTest, TheMacIsAlsoOverTheFormatOfTheKeysTokens) {
  KeyRecord record = SomeRecord();
  record.recovery = "sealed";
  record.reserved_uses = 258;
  std::string expected = MacInputOf(*rows_.Seal(record));
  record.version.parameters.token_format = "ff1 1";
  auto row = rows_.Seal(record);
  ASSERT_OK(row);
  expected[18] = 3;
  expected += crypto::known::Bytes("00000005") + "ff1 1";
  EXPECT_EQ(MacInputOf(*row), expected);
  const auto opened = rows_.Open(*row);
  ASSERT_OK(opened);
  EXPECT_EQ(opened->version.parameters.token_format, "ff1 1");
  row->token_format = "ff1 2";
  EXPECT_THAT(rows_.Open(*row), HasReason(Reason::kIntegrityFailure));
  row->token_format.clear();
  EXPECT_THAT(rows_.Open(*row), HasReason(Reason::kIntegrityFailure));
}

// Golden: what a fourth format adds to the third.
TEST_F(KeyVersionRowTest, TheMacIsAlsoOverTheTermsThatAKeySignsOn) {
  KeyRecord record = SomeRecord();
  record.recovery = "sealed";
  record.reserved_uses = 258;
  record.version.parameters.token_format = "ff1 1";
  std::string expected = MacInputOf(*rows_.Seal(record));
  record.version.parameters.low_s = true;
  record.version.parameters.max_signatures = 259;
  record.version.certificates = "der";
  auto row = rows_.Seal(record);
  ASSERT_OK(row);
  expected[18] = 4;
  expected += crypto::known::Bytes(
                  "010000000000000103"
                  "00000003") +
              "der";
  EXPECT_EQ(MacInputOf(*row), expected);
  const auto opened = rows_.Open(*row);
  ASSERT_OK(opened);
  EXPECT_TRUE(opened->version.parameters.low_s);
  EXPECT_EQ(opened->version.parameters.max_signatures, 259u);
  EXPECT_EQ(opened->version.certificates, "der");
  row->low_s = false;
  EXPECT_THAT(rows_.Open(*row), HasReason(Reason::kIntegrityFailure));
  row->low_s = true;
  row->max_signatures = 260;
  EXPECT_THAT(rows_.Open(*row), HasReason(Reason::kIntegrityFailure));
  row->max_signatures = 259;
  EXPECT_OK(rows_.Open(*row));
  row->certificates.clear();
  EXPECT_THAT(rows_.Open(*row), HasReason(Reason::kIntegrityFailure));
}

// Golden: what a fifth format adds to the fourth.
TEST_F(KeyVersionRowTest, TheMacIsAlsoOverWhereTheKeyWasMadeAndByWhom) {
  KeyRecord record = SomeRecord();
  record.version.parameters.low_s = true;
  std::string expected = MacInputOf(*rows_.Seal(record));
  record.version.origin = Origin::kImported;
  record.version.made_by = "officer-1";
  auto row = rows_.Seal(record);
  ASSERT_OK(row);
  expected[18] = 5;
  expected += crypto::known::Bytes("00000008") + "imported" + crypto::known::Bytes("00000009") +
              "officer-1";
  EXPECT_EQ(MacInputOf(*row), expected);
  const auto opened = rows_.Open(*row);
  ASSERT_OK(opened);
  EXPECT_EQ(opened->version.origin, Origin::kImported);
  EXPECT_EQ(opened->version.made_by, "officer-1");
  row->origin = "generated";
  EXPECT_THAT(rows_.Open(*row), HasReason(Reason::kIntegrityFailure));
  row->made_by.clear();
  EXPECT_THAT(rows_.Open(*row), HasReason(Reason::kIntegrityFailure));
  row->origin = "imported";
  row->made_by = "officer-2";
  EXPECT_THAT(rows_.Open(*row), HasReason(Reason::kIntegrityFailure));
}

// Golden: what a sixth format adds to the fifth.
TEST_F(KeyVersionRowTest, TheMacIsAlsoOverWhatADirectoryCallsTheKey) {
  KeyRecord record = SomeRecord();
  record.version.made_by = "officer-1";
  std::string expected = MacInputOf(*rows_.Seal(record));
  record.version.kid = "Ab-1";
  auto row = rows_.Seal(record);
  ASSERT_OK(row);
  expected[18] = 6;
  expected += crypto::known::Bytes("00000004") + "Ab-1";
  EXPECT_EQ(MacInputOf(*row), expected);
  const auto opened = rows_.Open(*row);
  ASSERT_OK(opened);
  EXPECT_EQ(opened->version.kid, "Ab-1");
  row->kid = "Ab-2";
  EXPECT_THAT(rows_.Open(*row), HasReason(Reason::kIntegrityFailure));
  row->kid.clear();
  EXPECT_THAT(rows_.Open(*row), HasReason(Reason::kIntegrityFailure));
  row->kid = "Ab-1";
  row->made_by.clear();
  EXPECT_THAT(rows_.Open(*row), HasReason(Reason::kIntegrityFailure));
}

TEST_F(KeyVersionRowTest, ARowIsNotTakenBackToTheFirstFormat) {
  KeyRecord record = SomeRecord();
  record.recovery = "sealed";
  record.reserved_uses = 258;
  auto row = rows_.Seal(record);
  ASSERT_OK(row);
  row->recovery.clear();
  EXPECT_THAT(rows_.Open(*row), HasReason(Reason::kIntegrityFailure));
  row->reserved_uses = 0;
  EXPECT_THAT(rows_.Open(*row), HasReason(Reason::kIntegrityFailure));
}

// Golden: keys wrapped by one build must open in every later one.
TEST_F(KeyVersionRowTest, AnEnvelopeKeyIsBoundToTheseBytes) {
  EXPECT_EQ(absl::BytesToHexString(WrapContextOf(SomeRecord().version)),
            "0000000a6b6579737663206b6579"  // "keysvc key"
            "01"
            "0000000461636d65"        // tenant
            "00000007776562686f6f6b"  // key
            "00000002"
            "000000047369676e"        // purpose
            "0000000745432d50323536"  // algorithm
            "0000000474657374");      // environment
}

TEST_F(KeyVersionRowTest, AVersionWaitsOnceItsRowHasAllThatItHasToHave) {
  const auto waits = [this](const KeyRecord& record) {
    const auto row = rows_.Seal(record);
    EXPECT_OK(row);
    EXPECT_EQ(IsPrepared(*row), IsPrepared(rows_.Open(*row)->version));
    return IsPrepared(*row);
  };
  KeyRecord pair = SomeRecord();
  pair.version.state = KeyState::kPreActivation;
  EXPECT_TRUE(waits(pair));
  pair.version.public_key.clear();
  EXPECT_FALSE(waits(pair)) << "whatever raised its revision";

  KeyRecord mac = pair;
  mac.version.parameters = {Purpose::kSharedMac, Algorithm::kAes256Cmac, Protection::kShared,
                            kYear};
  EXPECT_TRUE(waits(mac));
  mac.revision = 1;
  EXPECT_FALSE(waits(mac));

  KeyRecord wrapped = pair;
  wrapped.version.parameters = {Purpose::kData, Algorithm::kAes256, Protection::kEnvelope, kYear};
  EXPECT_TRUE(waits(wrapped));
  wrapped.wrapped.clear();
  EXPECT_FALSE(waits(wrapped));
}

TEST_F(KeyVersionRowTest, ARowWithWordsOfALaterBuildIsRefused) {
  auto row = rows_.Seal(SomeRecord());
  ASSERT_OK(row);
  row->state = "frozen";
  row->mac = *hsm_.Sign("dev/registry/v1", pkcs11::Mechanism::kHmacSha256, MacInputOf(*row));
  EXPECT_THAT(rows_.Open(*row), HasReason(Reason::kIntegrityFailure));
}

TEST_F(KeyVersionRowTest, AnAbsentTokenIsNotDamage) {
  const auto row = rows_.Seal(SomeRecord());
  ASSERT_OK(row);
  hsm_.FailEverything(Error(Reason::kHsmUnavailable, "the token is away"));
  EXPECT_THAT(rows_.Open(*row), HasReason(Reason::kHsmUnavailable));
}

}  // namespace
}  // namespace keysvc::keys
