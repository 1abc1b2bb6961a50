#include "tokenizer/token_row.h"

#include <utility>

#include "crypto/bytes.h"
#include "crypto/canonical.h"
#include "crypto/digest.h"
#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/opaque_token.h"

namespace keysvc::tokenizer {
namespace {

constexpr std::uint8_t kFormat = 1;
// Of the sealed card of a token that is its own name.
constexpr std::uint8_t kDigitsFormat = 2;
// The same two of a card that came in place of another one.
constexpr std::uint8_t kReplacedFormat = 3;
constexpr std::uint8_t kReplacedDigitsFormat = 4;
// Of the MAC of a deleted token's row.
constexpr std::uint8_t kDeletedFormat = 2;
// Of the MAC of a row with an end or a number of uses.
constexpr std::uint8_t kLimitedFormat = 3;
// Of the MAC of a row whose card was replaced.
constexpr std::uint8_t kReplacedMacFormat = 4;
// Of the MAC of a row with metadata, and of such a one whose card was replaced.
constexpr std::uint8_t kMetadataFormat = 5;
constexpr std::uint8_t kReplacedMetadataFormat = 6;
// Where there is no end.
constexpr std::uint64_t kNever = ~std::uint64_t{0};

constexpr std::size_t kHeaderSize = 1 + 4;

std::uint8_t FormatOf(const store::TokenRow& row) {
  return row.digits.empty() ? kFormat : kDigitsFormat;
}

std::uint8_t ReplacedFormatOf(const store::TokenRow& row) {
  return row.digits.empty() ? kReplacedFormat : kReplacedDigitsFormat;
}

std::string_view HeaderOf(const store::TokenRow& row) {
  return std::string_view(row.sealed).substr(0, kHeaderSize);
}

std::string AssociatedData(const store::TokenRow& row, std::string_view header) {
  crypto::CanonicalWriter data;
  data.Bytes("keysvc token row")
      .Bytes(header)
      .Bytes(row.tenant)
      .U16(row.profile)
      .U64(static_cast<std::uint64_t>(row.handle))
      .U32(row.index_version)
      .Bytes(row.pan_index)
      .U32(row.data_version)
      .U64(static_cast<std::uint64_t>(row.created_ms));
  if (!row.digits.empty()) data.Bytes(row.digits);
  return data.Take();
}

void AddLimits(const store::TokenRow& row, crypto::CanonicalWriter& message) {
  message.U64(row.ends_ms.has_value() ? static_cast<std::uint64_t>(*row.ends_ms) : kNever)
      .U8(row.uses_left.has_value() ? 1 : 0)
      .U32(row.uses_left.value_or(0));
}

void AddCard(const store::TokenRow& row, crypto::CanonicalWriter& message) {
  message.U32(row.index_version)
      .Bytes(row.pan_index)
      .U32(row.data_version)
      .Bytes(row.sealed)
      .U64(static_cast<std::uint64_t>(row.created_ms));
}

std::string MacMessage(const store::TokenRow& row) {
  const bool deleted = TokenStateOf(row.state) == TokenState::kDeleted;
  const bool limited = row.ends_ms.has_value() || row.uses_left.has_value();
  const bool replaced = !deleted && HasReplacedCard(row);
  const bool with_metadata = !row.metadata.empty();
  crypto::CanonicalWriter message;
  message.Bytes("keysvc token row state")
      .U8(with_metadata ? (replaced ? kReplacedMetadataFormat : kMetadataFormat)
          : replaced    ? kReplacedMacFormat
          : limited     ? kLimitedFormat
          : deleted     ? kDeletedFormat
                        : kFormat)
      .Bytes(row.tenant)
      .U16(row.profile)
      .U64(static_cast<std::uint64_t>(row.handle))
      .U8(row.state)
      .U64(row.revision);
  if (limited || replaced || with_metadata) AddLimits(row, message);
  // The header too: who lists such tokens is told their names without opening their cards.
  if (with_metadata) message.Bytes(row.metadata).Bytes(HeaderOf(row));
  if (replaced || (deleted && !limited)) AddCard(row, message);
  // A state is changed, and a card erased, without opening it, which would prove the digits.
  if (!row.digits.empty()) message.Bytes(row.digits);
  return message.Take();
}

absl::Status Corrupt() {
  return Error(Reason::kIntegrityFailure, "a stored token is not what was written");
}

absl::Status Seal(store::TokenRow& row, std::uint8_t format, const CardData& card,
                  const TokenTerms& terms, std::uint32_t token_key_version,
                  const SealingKey& data_key) {
  ASSIGN_OR_RETURN(const crypto::SecretBytes plaintext, EncodeCardData(card, terms));
  const std::string header = crypto::CanonicalWriter().U8(format).U32(token_key_version).Take();
  ASSIGN_OR_RETURN(
      const std::string sealed,
      data_key.Seal(plaintext.Expose(crypto::SecretAccess::kGranted), AssociatedData(row, header)));
  row.sealed = header + sealed;
  return absl::OkStatus();
}

}  // namespace

absl::Status SealRow(store::TokenRow& row, const CardData& card, std::uint32_t token_key_version,
                     const SealingKey& data_key, const TokenTerms& terms) {
  return Seal(row, FormatOf(row), card, terms, token_key_version, data_key);
}

absl::StatusOr<std::uint32_t> TokenKeyVersionOf(const store::TokenRow& row) {
  crypto::CanonicalReader reader(HeaderOf(row));
  ASSIGN_OR_RETURN(const std::uint8_t format, reader.U8());
  if (format != FormatOf(row) && format != ReplacedFormatOf(row)) return Corrupt();
  return reader.U32();
}

absl::StatusOr<std::string> TokenOf(const store::TokenRow& row, KeySource& keys) {
  ASSIGN_OR_RETURN(const std::uint32_t version, TokenKeyVersionOf(row));
  if (!row.digits.empty()) return row.digits;
  ASSIGN_OR_RETURN(const auto key, keys.TokenKey(row.tenant, version));
  return EncodeOpaqueToken({row.handle, row.profile}, row.tenant, version, *key);
}

absl::StatusOr<OpenedRow> OpenRow(const store::TokenRow& row, const crypto::Aes256Gcm& data_key) {
  ASSIGN_OR_RETURN(const std::uint32_t token_key_version, TokenKeyVersionOf(row));
  const std::string_view header = HeaderOf(row);
  const std::string_view sealed = std::string_view(row.sealed).substr(header.size());
  ASSIGN_OR_RETURN(const crypto::SecretBytes plaintext,
                   data_key.Open(sealed, AssociatedData(row, header)));
  ASSIGN_OR_RETURN(SealedCard sealed_card, DecodeCardData(plaintext));
  return OpenedRow{std::move(sealed_card.card), std::move(sealed_card.terms), token_key_version};
}

std::string MacOfRow(const store::TokenRow& row, const crypto::HmacSha256& key) {
  return std::string(crypto::AsText(key.Compute(MacMessage(row))));
}

absl::Status CheckRow(const store::TokenRow& row, const crypto::HmacSha256& key) {
  const bool known = TokenStateOf(row.state).has_value();
  return key.Verify(MacMessage(row), row.mac) && known ? absl::OkStatus() : Corrupt();
}

TokenState StateOf(const store::TokenRow& row) { return static_cast<TokenState>(row.state); }

absl::Status CheckOpens(const store::TokenRow& row, absl::Time now) {
  if (StateOf(row) == TokenState::kSuspended) return Suspended();
  return CheckHasNotEnded(row, now);
}

absl::Status CheckHasNotEnded(const store::TokenRow& row, absl::Time now) {
  if (StateOf(row) == TokenState::kDeleted) return Deleted();
  if (row.uses_left == 0U) return Exhausted();
  if (row.ends_ms.has_value() && *row.ends_ms <= absl::ToUnixMillis(now)) return Expired();
  return absl::OkStatus();
}

store::TokenRow Used(std::uint32_t uses, absl::Time now, store::TokenRow row,
                     const crypto::HmacSha256& key) {
  ++row.revision;
  *row.uses_left -= uses;
  if (row.uses_left == 0U) row.ends_ms = absl::ToUnixMillis(now);
  row.mac = MacOfRow(row, key);
  return row;
}

absl::StatusOr<store::TokenRow> WithCard(const CardData& card, const TokenTerms& terms,
                                         const SealingKey& data_key, store::TokenRow row,
                                         const crypto::HmacSha256& key) {
  ASSIGN_OR_RETURN(const std::uint32_t token_key_version, TokenKeyVersionOf(row));
  RETURN_IF_ERROR(Seal(row, ReplacedFormatOf(row), card, terms, token_key_version, data_key));
  ++row.revision;
  row.mac = MacOfRow(row, key);
  return row;
}

bool HasReplacedCard(const store::TokenRow& row) {
  return row.sealed.starts_with(static_cast<char>(kReplacedFormat)) ||
         row.sealed.starts_with(static_cast<char>(kReplacedDigitsFormat));
}

store::TokenRow InState(TokenState state, store::TokenRow row, const crypto::HmacSha256& key) {
  row.state = static_cast<std::uint8_t>(state);
  ++row.revision;
  if (state == TokenState::kDeleted) {
    row.sealed.resize(HeaderOf(row).size());
    row.pan_index.clear();
    row.index_version = 0;
    row.data_version = 0;
    row.ends_ms.reset();
    row.uses_left.reset();
    row.metadata.clear();
  }
  row.mac = MacOfRow(row, key);
  return row;
}

}  // namespace keysvc::tokenizer
