#include "keysvc/keys/partner_key_row.h"

#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fakes/fake_hsm.h"
#include "tests/support/openssl.h"
#include "tests/support/status_matchers.h"

namespace keysvc::keys {
namespace {

using keysvc::testing::FakeHsm;
using keysvc::testing::HasReason;

constexpr char kLabel[] = "dev/registry/v1";

// Golden: what an earlier build wrote has to open in every later one.
store::PartnerKeyRow GoldenRow() {
  return {.tenant = "acme",
          .key = "bank",
          .purpose = "jws",
          .algorithm = "EC-P256",
          .kid = "2026-1",
          .not_before_ms = 1'772'323'200'123,
          .not_after_ms = 1'803'859'200'123,
          .public_key = "spki",
          .created_ms = 1'772'323'200'456,
          .registered_by = "officer-1",
          .state = "active",
          .revision = 1,
          .mac = {}};
}

class PartnerKeyRowTest : public ::testing::Test {
 protected:
  PartnerKeyRowTest() {
    EXPECT_OK(hsm_.Generate(kLabel, pkcs11::KeyKind::kHmacSha256));
    EXPECT_OK(hsm_.Generate("bank", pkcs11::KeyKind::kEcP256));
  }
  PartnerKey Key() {
    return {.name = {"acme", "bank"},
            .terms = {.purpose = Purpose::kJws,
                      .algorithm = Algorithm::kEcP256,
                      .kid = "2026-1",
                      .not_before = absl::FromUnixMillis(1'772'323'200'123),
                      .not_after = absl::FromUnixMillis(1'803'859'200'123),
                      .public_key = hsm_.PublicKey("bank").value()},
            .half = {},
            .created = absl::FromUnixMillis(1'772'323'200'456),
            .registered_by = "officer-1",
            .state = PartnerKeyState::kActive};
  }

  FakeHsm hsm_;
  const PartnerKeyRows rows_{hsm_, kLabel, "test"};
};

TEST_F(PartnerKeyRowTest, AKeyComesBackAsItWas) {
  const PartnerKey key = Key();
  const auto row = rows_.Authenticate(key, 1);
  ASSERT_OK(row);
  const auto opened = rows_.Open(*row);
  ASSERT_OK(opened);
  EXPECT_EQ(opened->name, key.name);
  EXPECT_EQ(opened->terms.purpose, key.terms.purpose);
  EXPECT_EQ(opened->terms.algorithm, key.terms.algorithm);
  EXPECT_EQ(opened->terms.kid, key.terms.kid);
  EXPECT_EQ(opened->terms.not_before, key.terms.not_before);
  EXPECT_EQ(opened->terms.not_after, key.terms.not_after);
  EXPECT_EQ(opened->terms.public_key, key.terms.public_key);
  EXPECT_EQ(opened->created, key.created);
  EXPECT_EQ(opened->registered_by, key.registered_by);
  EXPECT_EQ(opened->state, key.state);
  EXPECT_EQ(opened->half->key->ToSpki(), key.terms.public_key);
}

TEST_F(PartnerKeyRowTest, AnyColumnThatIsChangedIsNoticed) {
  const std::vector<std::function<void(store::PartnerKeyRow&)>> changes = {
      [](auto& row) { row.tenant = "globex"; },
      [](auto& row) { row.key = "bonk"; },
      [](auto& row) { row.purpose = "sign"; },
      [](auto& row) { row.algorithm = "EC-P384"; },
      [](auto& row) { row.kid = ""; },
      [](auto& row) { row.not_before_ms -= 1; },
      [](auto& row) { row.not_after_ms += 1; },
      [this](auto& row) {
        EXPECT_OK(hsm_.Generate("thief", pkcs11::KeyKind::kEcP256));
        row.public_key = hsm_.PublicKey("thief").value();
      },
      [](auto& row) { row.created_ms += 1; },
      [](auto& row) { row.registered_by = "officer-2"; },
      [](auto& row) { row.state = "disabled"; },
      [](auto& row) { row.revision += 1; },
      [](auto& row) { row.mac.back() ^= 1; },
      [](auto& row) { row.mac.clear(); },
      // Bytes that go from one column to the next are other columns.
      [](auto& row) {
        row.tenant = "acm";
        row.key = "ebank";
      },
  };
  const store::PartnerKeyRow written = rows_.Authenticate(Key(), 1).value();
  for (std::size_t i = 0; i < changes.size(); ++i) {
    store::PartnerKeyRow row = written;
    changes[i](row);
    EXPECT_THAT(rows_.Open(row), HasReason(Reason::kIntegrityFailure)) << i;
  }
}

TEST_F(PartnerKeyRowTest, ARowIsOfNoUseInAnotherEnvironment) {
  const store::PartnerKeyRow row = rows_.Authenticate(Key(), 1).value();
  EXPECT_THAT(PartnerKeyRows(hsm_, kLabel, "production").Open(row),
              HasReason(Reason::kIntegrityFailure));
}

TEST_F(PartnerKeyRowTest, ARestorationAuthenticatesTheSameKeyByTheNewTokensKey) {
  const store::PartnerKeyRow row = rows_.Authenticate(Key(), 2).value();
  FakeHsm other;
  ASSERT_OK(other.Generate(kLabel, pkcs11::KeyKind::kHmacSha256));
  const PartnerKeyRows there(other, kLabel, "test");
  EXPECT_THAT(there.Open(row), HasReason(Reason::kIntegrityFailure));
  const auto again = there.Reauthenticate(row);
  ASSERT_OK(again);
  EXPECT_EQ(again->revision, 3u);
  EXPECT_OK(there.Open(*again));
}

TEST_F(PartnerKeyRowTest, ErrorsOfTheTokenAreGivenOn) {
  const PartnerKey key = Key();
  const store::PartnerKeyRow row = rows_.Authenticate(key, 1).value();
  hsm_.FailEverything(Error(Reason::kHsmUnavailable, "away"));
  EXPECT_THAT(rows_.Open(row), HasReason(Reason::kHsmUnavailable));
  EXPECT_THAT(rows_.Authenticate(key, 1), HasReason(Reason::kHsmUnavailable));
}

// The values were made by another program from docs/formats.md.
TEST(PartnerKeyRowsDigestTest, IsThisOfTheseRows) {
  EXPECT_EQ(PartnerKeyRowsDigest({}),
            "6658f3f7b0cd2995bdd6e73ae97c2db56216811bf1a4c77c9812a712ba5a98a9");
  store::PartnerKeyRow second = GoldenRow();
  second.tenant = "globex";
  second.kid = "";
  second.state = "disabled";
  second.revision = 2;
  EXPECT_EQ(PartnerKeyRowsDigest({GoldenRow(), second}),
            "7a384b83965afd3faa24a4395693adcc4d612db4cd6a5fae0b1e05867d0f4769");
}

TEST(PartnerKeyRowsDigestTest, TellsOfEachRow) {
  store::PartnerKeyRow disabled = GoldenRow();
  disabled.state = "disabled";
  disabled.revision = 2;
  EXPECT_NE(PartnerKeyRowsDigest({GoldenRow()}), PartnerKeyRowsDigest({disabled}));
  EXPECT_NE(PartnerKeyRowsDigest({GoldenRow()}), PartnerKeyRowsDigest({GoldenRow(), disabled}));
}

}  // namespace
}  // namespace keysvc::keys
