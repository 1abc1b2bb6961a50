#include "tokenizer/card_data.h"

#include <algorithm>
#include <span>
#include <utility>

#include "crypto/bytes.h"
#include "crypto/canonical.h"
#include "crypto/utf8.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::tokenizer {
namespace {

using crypto::SecretAccess;

constexpr std::uint8_t kFormat = 1;
// With terms.
constexpr std::uint8_t kTermsFormat = 2;
constexpr std::size_t kLongestName = 128;
constexpr std::uint16_t kFirstYear = 2000;
constexpr std::uint16_t kLastYear = 2099;

// UTF-8 without the controls C0, DEL and C1.
bool IsPrintableUtf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = crypto::Utf8SequenceLength(text);
    if (length == 0 || (length == 1 && (text[0] < ' ' || text[0] == '\x7f')) ||
        (text[0] == '\xc2' && static_cast<std::uint8_t>(text[1]) < 0xa0)) {
      return false;
    }
    text.remove_prefix(length);
  }
  return true;
}

bool IsDigit(std::uint8_t byte) { return byte >= '0' && byte <= '9'; }

bool IsHexDigit(std::uint8_t byte) {
  return IsDigit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

std::size_t LongestRun(crypto::ByteView text, bool (*belongs)(std::uint8_t)) {
  std::size_t longest = 0;
  std::size_t run = 0;
  for (const std::uint8_t byte : text) {
    run = belongs(byte) ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  return longest;
}

// Twelve digits are in no name, whatever stands between them; they may be a card number. Three side
// by side may be its verification code, and sixteen hexadecimal ones a PIN block (ISO 9564-1). The
// signs separate the fields of magnetic stripes (ISO/IEC 7813).
bool MayHoldCardData(crypto::ByteView text) {
  constexpr std::size_t kVerificationCode = 3;
  constexpr std::size_t kPinBlock = 16;
  return std::count_if(text.begin(), text.end(), IsDigit) >=
             static_cast<std::ptrdiff_t>(kShortestPan) ||
         LongestRun(text, IsDigit) >= kVerificationCode ||
         LongestRun(text, IsHexDigit) >= kPinBlock ||
         crypto::AsText(text).find_first_of("%^;=") != std::string_view::npos;
}

absl::Status CheckName(crypto::ByteView name) {
  if (name.size() > kLongestName || !IsPrintableUtf8(crypto::AsText(name)) ||
      MayHoldCardData(name)) {
    return Error(Reason::kFieldInvalid,
                 "a cardholder name is at most 128 bytes of UTF-8, without control characters and "
                 "card data",
                 "card.cardholder_name");
  }
  return absl::OkStatus();
}

absl::StatusOr<crypto::SecretBytes> CopyOfName(crypto::ByteView name) {
  if (name.empty()) return crypto::SecretBytes();
  return crypto::SecretBytes::CopyOf(name);
}

// Names that were taken before one is refused stay readable.
absl::StatusOr<CardData> StoredCard(std::string_view pan, std::string_view cardholder_name) {
  ASSIGN_OR_RETURN(Pan number, Pan::Parse(crypto::AsBytes(pan)));
  ASSIGN_OR_RETURN(crypto::SecretBytes name, CopyOfName(crypto::AsBytes(cardholder_name)));
  return CardData{std::move(number), std::nullopt, std::move(name)};
}

bool IsExpiry(std::uint16_t year, std::uint8_t month) {
  return year >= kFirstYear && year <= kLastYear && month >= 1 && month <= 12;
}

// The encoding of crypto::CanonicalWriter, written straight into locked memory.
class SecretWriter {
 public:
  explicit SecretWriter(std::span<std::uint8_t> out) : out_(out) {}
  void Integer(std::uint64_t value, unsigned width) {
    while (width-- > 0) Put(static_cast<std::uint8_t>(value >> (8 * width)));
  }
  void Bytes(crypto::ByteView bytes) {
    Integer(bytes.size(), 4);
    for (const std::uint8_t byte : bytes) Put(byte);
  }

 private:
  void Put(std::uint8_t byte) {
    out_[0] = byte;
    out_ = out_.subspan(1);
  }
  std::span<std::uint8_t> out_;
};

std::size_t SizeOf(const TokenTerms& terms) {
  const TokenDomain& domain = terms.domain;
  const std::size_t currency = domain.amounts.has_value() ? domain.amounts->currency.size() : 0;
  return 4 + domain.channel.size() + 4 + domain.merchant.size() + 4 + currency + 8 + 8 + 4 +
         terms.account_reference.size();
}

void Write(const TokenTerms& terms, SecretWriter& writer) {
  const TokenDomain& domain = terms.domain;
  const AmountBand amounts = domain.amounts.value_or(AmountBand{});
  writer.Bytes(crypto::AsBytes(domain.channel));
  writer.Bytes(crypto::AsBytes(domain.merchant));
  writer.Bytes(crypto::AsBytes(amounts.currency));
  writer.Integer(amounts.min, 8);
  writer.Integer(amounts.max, 8);
  writer.Bytes(crypto::AsBytes(terms.account_reference));
}

absl::Status Corrupt() {
  return Error(Reason::kIntegrityFailure, "stored card data is not what was written");
}

absl::StatusOr<TokenTerms> ReadTerms(crypto::CanonicalReader& reader) {
  TokenTerms terms;
  ASSIGN_OR_RETURN(terms.domain.channel, reader.Bytes());
  ASSIGN_OR_RETURN(terms.domain.merchant, reader.Bytes());
  AmountBand amounts;
  ASSIGN_OR_RETURN(amounts.currency, reader.Bytes());
  ASSIGN_OR_RETURN(amounts.min, reader.U64());
  ASSIGN_OR_RETURN(amounts.max, reader.U64());
  if (!amounts.currency.empty()) terms.domain.amounts = std::move(amounts);
  ASSIGN_OR_RETURN(terms.account_reference, reader.Bytes());
  if (terms.empty() || !terms.domain.Check().ok()) return Corrupt();
  return terms;
}

}  // namespace

absl::StatusOr<Expiry> Expiry::Parse(std::string_view text) {
  constexpr std::string_view kShape = "dddd-dd";
  bool shaped = text.size() == kShape.size();
  for (std::size_t i = 0; shaped && i < text.size(); ++i) {
    shaped = kShape[i] == 'd' ? text[i] >= '0' && text[i] <= '9' : text[i] == kShape[i];
  }
  if (shaped) {
    const auto digit = [text](std::size_t i) { return text[i] - '0'; };
    const auto year =
        static_cast<std::uint16_t>(digit(0) * 1000 + digit(1) * 100 + digit(2) * 10 + digit(3));
    const auto month = static_cast<std::uint8_t>(digit(5) * 10 + digit(6));
    if (IsExpiry(year, month)) return Expiry{year, month};
  }
  return Error(Reason::kExpiryInvalid, "an expiry is YYYY-MM, from 2000-01 to 2099-12",
               "card.expiry");
}

std::string Expiry::ToString() const {
  const auto digit = [](int value) { return static_cast<char>('0' + value % 10); };
  return {digit(year / 1000), digit(year / 100), digit(year / 10), digit(year), '-',
          digit(month / 10),  digit(month)};
}

absl::StatusOr<CardData> CardData::Parse(crypto::ByteView pan, std::string_view expiry,
                                         crypto::ByteView cardholder_name) {
  ASSIGN_OR_RETURN(Pan number, Pan::Parse(pan));
  std::optional<Expiry> expires;
  if (!expiry.empty()) {
    ASSIGN_OR_RETURN(expires, Expiry::Parse(expiry));
  }
  RETURN_IF_ERROR(CheckName(cardholder_name));
  ASSIGN_OR_RETURN(crypto::SecretBytes name, CopyOfName(cardholder_name));
  return CardData{std::move(number), expires, std::move(name)};
}

absl::Status CheckNumberAlone(const CardData& card) {
  const bool name = !card.cardholder_name.empty();
  if (!card.expiry.has_value() && !name) return absl::OkStatus();
  return Error(Reason::kFieldInvalid, "only the number of a card is taken here",
               name ? "card.cardholder_name" : "card.expiry");
}

absl::StatusOr<crypto::SecretBytes> EncodeCardData(const CardData& card, const TokenTerms& terms) {
  const std::size_t size = 1 + 4 + card.pan.length() + 2 + 1 + 4 + card.cardholder_name.size() +
                           (terms.empty() ? 0 : SizeOf(terms));
  ASSIGN_OR_RETURN(crypto::SecretBytes plaintext, crypto::SecretBytes::Create(size));
  SecretWriter writer(plaintext.ExposeMutable(SecretAccess::kGranted));
  const Expiry expiry = card.expiry.value_or(Expiry{});
  writer.Integer(terms.empty() ? kFormat : kTermsFormat, 1);
  writer.Bytes(card.pan.Expose(SecretAccess::kGranted));
  writer.Integer(expiry.year, 2);
  writer.Integer(expiry.month, 1);
  writer.Bytes(card.cardholder_name.Expose(SecretAccess::kGranted));
  if (!terms.empty()) Write(terms, writer);
  return plaintext;
}

absl::StatusOr<SealedCard> DecodeCardData(const crypto::SecretBytes& plaintext) {
  crypto::CanonicalReader reader(crypto::AsText(plaintext.Expose(SecretAccess::kGranted)));
  ASSIGN_OR_RETURN(const std::uint8_t format, reader.U8());
  if (format != kFormat && format != kTermsFormat) return Corrupt();
  ASSIGN_OR_RETURN(const std::string_view pan, reader.Bytes());
  ASSIGN_OR_RETURN(const std::uint16_t year, reader.U16());
  ASSIGN_OR_RETURN(const std::uint8_t month, reader.U8());
  ASSIGN_OR_RETURN(const std::string_view name, reader.Bytes());
  TokenTerms terms;
  if (format == kTermsFormat) {
    ASSIGN_OR_RETURN(terms, ReadTerms(reader));
  }
  RETURN_IF_ERROR(reader.Finish());
  const bool has_expiry = year != 0 || month != 0;
  if (has_expiry && !IsExpiry(year, month)) return Corrupt();
  absl::StatusOr<CardData> card = StoredCard(pan, name);
  if (!card.ok()) {
    return ReasonOf(card.status()) == Reason::kLockedMemory ? card.status() : Corrupt();
  }
  if (has_expiry) card->expiry = Expiry{year, month};
  return SealedCard{*std::move(card), std::move(terms)};
}

}  // namespace keysvc::tokenizer
