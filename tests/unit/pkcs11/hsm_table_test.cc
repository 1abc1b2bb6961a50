// What each HSM can do, found out by doing it, and that docs/hsms.md says so.
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "pkcs11/cryptoki_hsm.h"
#include "pkcs11/hsm.h"
#include "tests/support/nss_token.h"
#include "tests/support/openssl.h"
#include "tests/support/softhsm_token.h"
#include "tests/support/status_matchers.h"

namespace keysvc::pkcs11 {
namespace {

using testing::IsOk;
using Cells = std::vector<std::string>;

constexpr char kBegin[] = "<!-- hsms: printed by HsmTable.IsCurrent -->\n";
constexpr char kEnd[] = "<!-- end of hsms -->\n";

struct Deed {
  std::string what;
  KeyKind kind;
  std::vector<Mechanism> mechanisms = {};  // none for a wrapping key
  bool delivered = false;
  std::optional<Wrapping> imported = std::nullopt;
};

std::vector<Deed> Deeds() {
  const std::vector<Mechanism> rsa = {Mechanism::kRsaPkcs1Sha256, Mechanism::kRsaPkcs1Sha384,
                                      Mechanism::kRsaPkcs1Sha512, Mechanism::kRsaPssSha256,
                                      Mechanism::kRsaPssSha384,   Mechanism::kRsaPssSha512};
  return {
      {"wrap keys (AES-256-GCM)", KeyKind::kAes256Wrapping, {}},
      {"tag, HMAC-SHA-256", KeyKind::kHmacSha256, {Mechanism::kHmacSha256}},
      {.what = "hand over, HMAC-SHA-256 (RSA-OAEP)",
       .kind = KeyKind::kHmacSha256,
       .delivered = true},
      {.what = "take in, HMAC-SHA-256 (RSA-OAEP by SHA-256)",
       .kind = KeyKind::kImportedHmacSha256,
       .imported = Wrapping::kRsaOaepSha256},
      {.what = "take in, HMAC-SHA-256 (RSA-OAEP by SHA-1)",
       .kind = KeyKind::kImportedHmacSha256,
       .imported = Wrapping::kRsaOaepSha1},
      {.what = "take in, HMAC-SHA-256 (RSA-OAEP by SHA-1, AES-KWP)",
       .kind = KeyKind::kImportedHmacSha256,
       .imported = Wrapping::kRsaAesSha1},
      {"tag, HMAC-SHA-384", KeyKind::kHmacSha384, {Mechanism::kHmacSha384}},
      {"tag, HMAC-SHA-512", KeyKind::kHmacSha512, {Mechanism::kHmacSha512}},
      {"tag, AES-256-CMAC", KeyKind::kAes256Cmac, {Mechanism::kAesCmac}},
      {.what = "hand over, AES-256-CMAC (RSA-OAEP)",
       .kind = KeyKind::kAes256Cmac,
       .delivered = true},
      {.what = "take in, AES-256-CMAC (RSA-OAEP by SHA-1)",
       .kind = KeyKind::kImportedAes256Cmac,
       .imported = Wrapping::kRsaOaepSha1},
      {.what = "take in, AES-256-CMAC (RSA-OAEP by SHA-1, AES-KWP)",
       .kind = KeyKind::kImportedAes256Cmac,
       .imported = Wrapping::kRsaAesSha1},
      {"sign, ECDSA P-256", KeyKind::kEcP256, {Mechanism::kEcdsaP256Sha256}},
      {"sign, ECDSA P-384", KeyKind::kEcP384, {Mechanism::kEcdsaP384Sha384}},
      {"sign, Ed25519", KeyKind::kEd25519, {Mechanism::kEd25519}},
      {"sign, RSA-2048", KeyKind::kRsa2048, rsa},
      {"sign, RSA-3072", KeyKind::kRsa3072, rsa},
      {"sign, RSA-4096", KeyKind::kRsa4096, rsa},
  };
}

bool Delivers(Hsm& hsm, const Deed& deed) {
  const std::string label = deed.what + ", recipient";
  const auto recipient = hsm.Generate(label, KeyKind::kRsa3072).ok()
                             ? hsm.PublicKey(label)
                             : absl::StatusOr<std::string>(absl::UnknownError("no recipient"));
  return recipient.ok() && hsm.GenerateShared(deed.what, deed.kind).ok() &&
         hsm.Deliver(deed.what, *recipient).ok();
}

bool Imports(Hsm& hsm, const Deed& deed) {
  const bool sha256 = *deed.imported == Wrapping::kRsaOaepSha256;
  const bool by_aes = *deed.imported == Wrapping::kRsaAesSha1;
  if (!hsm.Generate(deed.what + ", pair", KeyKind::kRsa3072Unwrapping).ok()) return false;
  const auto spki = hsm.PublicKey(deed.what + ", pair");
  if (!spki.ok()) return false;
  const std::string secret(32, 's');
  WrappedSecret wrapped{.wrapping = *deed.imported, .bytes = {}};
  wrapped.bytes =
      testing::EncryptFor(*spki, secret,
                          std::string("-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:") +
                              (sha256 ? "sha256" : "sha1"));
  if (by_aes) wrapped.bytes += testing::WrapByAes(secret, secret);
  return hsm.Import(deed.what, deed.kind, deed.what + ", pair", wrapped).ok();
}

bool Does(Hsm& hsm, const Deed& deed) {
  if (deed.delivered) return Delivers(hsm, deed);
  if (deed.imported.has_value()) return Imports(hsm, deed);
  if (!hsm.Generate(deed.what, deed.kind).ok()) return false;
  for (const Mechanism mechanism : deed.mechanisms) {
    if (!hsm.Sign(deed.what, mechanism, "message").ok()) return false;
  }
  if (!deed.mechanisms.empty()) return true;
  const auto wrapped = hsm.Wrap(deed.what, crypto::AsBytes("secret"), "context");
  return wrapped.ok() && hsm.Unwrap(deed.what, *wrapped, "context").ok();
}

// The name and version of a library, and a cell for each deed.
Cells ColumnOf(const TokenOptions& options) {
  const auto hsm = OpenToken(options);
  EXPECT_OK(hsm);
  if (!hsm.ok()) return {};
  Cells cells = {(*hsm)->capabilities().library};
  for (const Deed& deed : Deeds()) cells.emplace_back(Does(**hsm, deed) ? "yes" : "no");
  return cells;
}

std::vector<Cells> ReadTable(const std::string& document) {
  const std::vector<std::string> parts = absl::StrSplit(document, kBegin);
  std::vector<Cells> rows;
  if (parts.size() != 2) return rows;
  const std::vector<std::string> table = absl::StrSplit(parts[1], kEnd);
  const std::vector<std::string> lines = absl::StrSplit(table[0], '\n');
  for (const std::string& line : lines) {
    Cells cells = absl::StrSplit(line, '|');
    if (cells.size() < 4 || line.find("---") != std::string::npos) continue;
    for (std::string& cell : cells) {
      cell = std::string(absl::StripAsciiWhitespace(cell));
    }
    rows.push_back({cells.begin() + 1, cells.end() - 1});
  }
  return rows;
}

TEST(HsmTable, IsCurrent) {
  std::vector<Cells> columns;
  {
    const testing::SoftHsmToken softhsm;
    columns.push_back(ColumnOf(softhsm.options()));
  }
  {
    const testing::NssToken nss;
    columns.push_back(ColumnOf(nss.options()));
  }
  const std::vector<Deed> deeds = Deeds();
  std::string table;
  std::vector<Cells> rows;
  for (std::size_t row = 0; row <= deeds.size(); ++row) {
    Cells cells = {row == 0 ? "" : deeds[row - 1].what};
    for (const Cells& column : columns) {
      ASSERT_EQ(column.size(), deeds.size() + 1);
      cells.push_back(column[row]);
    }
    absl::StrAppend(&table, "| ", absl::StrJoin(cells, " | "), " |\n");
    if (row == 0) absl::StrAppend(&table, "|---|---|---|\n");
    rows.push_back(std::move(cells));
  }
  std::printf("%s", table.c_str());

  const auto written = ReadTable(testing::ReadFile(KEYSVC_SOURCE_DIR "/docs/hsms.md"));
  ASSERT_EQ(written.size(), rows.size()) << "docs/hsms.md lacks the table above";
  for (std::size_t row = 1; row < rows.size(); ++row) {
    EXPECT_EQ(written[row][0], rows[row][0]);
    for (std::size_t column = 1; column < rows[row].size(); ++column) {
      // Another version than the one written down may do more, but not less.
      const bool same = written[0][column] == rows[0][column];
      const bool more = !same && written[row][column] == "no";
      EXPECT_TRUE(more || written[row][column] == rows[row][column])
          << rows[row][0] << ", " << rows[0][column];
    }
  }
}

}  // namespace
}  // namespace keysvc::pkcs11
