#include "tokenizer/token_row.h"

#include <utility>

#include "crypto/bytes.h"
#include "crypto/canonical.h"
#include "crypto/digest.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::tokenizer {
namespace {

constexpr std::uint8_t kFormat = 1;

std::string Header(std::uint32_t token_key_version) {
  return crypto::CanonicalWriter().U8(kFormat).U32(token_key_version).Take();
}

std::string AssociatedData(const store::TokenRow& row, std::string_view header) {
  return crypto::CanonicalWriter()
      .Bytes("keysvc token row")
      .Bytes(header)
      .Bytes(row.tenant)
      .U16(row.profile)
      .U64(static_cast<std::uint64_t>(row.handle))
      .U32(row.index_version)
      .Bytes(row.pan_index)
      .U32(row.data_version)
      .U64(static_cast<std::uint64_t>(row.created_ms))
      .Take();
}

std::string MacMessage(const store::TokenRow& row) {
  return crypto::CanonicalWriter()
      .Bytes("keysvc token row state")
      .U8(kFormat)
      .Bytes(row.tenant)
      .U16(row.profile)
      .U64(static_cast<std::uint64_t>(row.handle))
      .U8(row.state)
      .U64(row.revision)
      .Take();
}

absl::Status Corrupt() {
  return Error(Reason::kIntegrityFailure, "a stored token is not what was written");
}

}  // namespace

absl::Status SealRow(store::TokenRow& row, const CardData& card, std::uint32_t token_key_version,
                     const SealingKey& data_key) {
  ASSIGN_OR_RETURN(const crypto::SecretBytes plaintext, EncodeCardData(card));
  const std::string header = Header(token_key_version);
  ASSIGN_OR_RETURN(
      const std::string sealed,
      data_key.Seal(plaintext.Expose(crypto::SecretAccess::kGranted), AssociatedData(row, header)));
  row.sealed = header + sealed;
  return absl::OkStatus();
}

absl::StatusOr<OpenedRow> OpenRow(const store::TokenRow& row, const crypto::Aes256Gcm& data_key) {
  const std::string_view stored = row.sealed;
  const std::string_view header = stored.substr(0, Header(0).size());
  crypto::CanonicalReader reader(header);
  ASSIGN_OR_RETURN(const std::uint8_t format, reader.U8());
  if (format != kFormat) return Corrupt();
  ASSIGN_OR_RETURN(const std::uint32_t token_key_version, reader.U32());
  ASSIGN_OR_RETURN(const crypto::SecretBytes plaintext,
                   data_key.Open(stored.substr(header.size()), AssociatedData(row, header)));
  ASSIGN_OR_RETURN(CardData card, DecodeCardData(plaintext));
  return OpenedRow{std::move(card), token_key_version};
}

std::string MacOfRow(const store::TokenRow& row, const crypto::HmacSha256& key) {
  return std::string(crypto::AsText(key.Compute(MacMessage(row))));
}

absl::Status CheckRow(const store::TokenRow& row, const crypto::HmacSha256& key) {
  const bool active = row.state == static_cast<std::uint8_t>(TokenState::kActive);
  return key.Verify(MacMessage(row), row.mac) && active ? absl::OkStatus() : Corrupt();
}

}  // namespace keysvc::tokenizer
