#include "keysvc/keys/logged_keys.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace keysvc::keys {
namespace {

store::KeyVersionRow Row(std::uint32_t version, std::string state) {
  return {.tenant = "acme",
          .key = "webhook",
          .version = version,
          .purpose = "sign",
          .algorithm = "EC_P256",
          .protection = "hsm",
          .environment = "test",
          .created_ms = 1'772'323'200'123,
          .originator_end_ms = 1'772'323'200'124,
          .recipient_end_ms = 1'772'323'200'125,
          .hsm_label = absl::StrCat("dev/acme/webhook/v", version),
          .wrapped = {},
          .public_key = "spki",
          .recovery = {},
          .reserved_uses = 0,
          .state = state,
          .primary = state == "active",
          .revision = 2,
          .mac = {}};
}

store::KeyVersionRow LaterRow() {
  store::KeyVersionRow row = Row(2, "active");
  row.recovery = "sealed";
  row.reserved_uses = 258;
  return row;
}

// Golden: a store is compared at its start with what an earlier build wrote into the log. The
// values were made by another program from docs/formats.md.
TEST(KeyRowsDigestTest, IsThisOfTheseRows) {
  EXPECT_EQ(KeyRowsDigest({}, {}),
            "fd1e1bf39de5f51b9130de42d501eed6a4c7dfd01dce840bd99b4081cb649f8c");
  EXPECT_EQ(KeyRowsDigest({Row(1, "deactivated"), LaterRow()}, {}),
            "cc1151b39f56df5e09d168529a4ca7b4e32a486cfdd5017f70952a508449c399");
}

TEST(KeyRowsDigestTest, IsOfTheRowsAsTheyAreAfterTheChange) {
  const std::string after = KeyRowsDigest({Row(1, "deactivated"), LaterRow()}, {});
  EXPECT_EQ(KeyRowsDigest({LaterRow(), Row(1, "deactivated")}, {}), after);
  EXPECT_EQ(KeyRowsDigest({Row(1, "active")}, {LaterRow(), Row(1, "deactivated")}), after);
  EXPECT_NE(KeyRowsDigest({Row(1, "active")}, {LaterRow()}), after);
}

}  // namespace
}  // namespace keysvc::keys
