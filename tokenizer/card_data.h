#ifndef KEYSVC_TOKENIZER_CARD_DATA_H_
#define KEYSVC_TOKENIZER_CARD_DATA_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "crypto/secret_bytes.h"
#include "tokenizer/pan.h"
#include "tokenizer/token_domain.h"

namespace keysvc::tokenizer {

// Month a card expires, "YYYY-MM".
struct Expiry {
  std::uint16_t year = 0;  // 2000 .. 2099
  std::uint8_t month = 0;  // 1 .. 12

  // INVALID_ARGUMENT/EXPIRY_INVALID, field "card.expiry".
  static absl::StatusOr<Expiry> Parse(std::string_view text);
  std::string ToString() const;
  friend bool operator==(const Expiry&, const Expiry&) = default;
};

// What is sealed under a token: nothing else of a card is ever accepted.
struct CardData {
  Pan pan;
  std::optional<Expiry> expiry;
  crypto::SecretBytes cardholder_name;  // empty: none; UTF-8, at most 128 bytes

  // Checks all of it. A name that is too long, not UTF-8, has control characters or may hold card
  // data (twelve digits, or a sign of magnetic stripes) is INVALID_ARGUMENT/FIELD_INVALID, field
  // "card.cardholder_name". An empty expiry or name: none.
  static absl::StatusOr<CardData> Parse(crypto::ByteView pan, std::string_view expiry,
                                        crypto::ByteView cardholder_name);
};

// Where nothing but the number of a card can be kept or used. INVALID_ARGUMENT/FIELD_INVALID, field
// "card.expiry" or "card.cardholder_name", when the card has more.
absl::Status CheckNumberAlone(const CardData& card);

// What is sealed beside a card, for as long as it is there.
struct TokenTerms {
  TokenDomain domain = {};
  // That the token had before its card was replaced; empty: its card's own, if any.
  std::string account_reference = {};

  bool empty() const { return domain.empty() && account_reference.empty(); }
};

// The plaintext that is sealed: version byte 1, then PAN, year (2), month (1; both 0: none) and
// name in canonical encoding. With terms, version byte 2 and behind the name channel, merchant,
// currency, least and greatest amount (8 each; without a currency 0) and account reference.
absl::StatusOr<crypto::SecretBytes> EncodeCardData(const CardData& card,
                                                   const TokenTerms& terms = {});

struct SealedCard {
  CardData card;
  TokenTerms terms;
};
// DATA_LOSS/INTEGRITY_FAILURE for what EncodeCardData did not write.
absl::StatusOr<SealedCard> DecodeCardData(const crypto::SecretBytes& plaintext);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_CARD_DATA_H_
