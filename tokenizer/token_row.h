#ifndef KEYSVC_TOKENIZER_TOKEN_ROW_H_
#define KEYSVC_TOKENIZER_TOKEN_ROW_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "crypto/aead.h"
#include "crypto/mac.h"
#include "store/rows.h"
#include "tokenizer/card_data.h"
#include "tokenizer/key_source.h"
#include "tokenizer/sealing_key.h"
#include "tokenizer/token_state.h"

namespace keysvc::tokenizer {

// Fills `sealed` of a row whose immutable columns are set; they are the associated data. The
// version of the token key that names the row is kept with it, so that a card's token stays the
// same when the token key is rotated.
//   format 1 || token-key version (4 bytes, big-endian) || AES-256-GCM of the card data
// A row with digits needs no key for its name: format 2, and the version is 0.
absl::Status SealRow(store::TokenRow& row, const CardData& card, std::uint32_t token_key_version,
                     const SealingKey& data_key, const TokenTerms& terms = {});

struct OpenedRow {
  CardData card;
  TokenTerms terms;
  std::uint32_t token_key_version = 0;
};

// DATA_LOSS/INTEGRITY_FAILURE when any immutable column or the ciphertext is not what was sealed.
absl::StatusOr<OpenedRow> OpenRow(const store::TokenRow& row, const crypto::Aes256Gcm& data_key);

// The MAC over the row's identity and its mutable columns (state, revision, end, uses left,
// metadata); of a deleted token's row, which nothing else binds any more, over every other column
// but its record's.
std::string MacOfRow(const store::TokenRow& row, const crypto::HmacSha256& key);
// DATA_LOSS/INTEGRITY_FAILURE when the MAC is another, or the state is none that is ever written.
absl::Status CheckRow(const store::TokenRow& row, const crypto::HmacSha256& key);

// The state of a row that passed CheckRow().
TokenState StateOf(const store::TokenRow& row);

// The version of the token key that names the row, as its header says: OpenRow() proves it, or for
// a deleted token CheckRow(). DATA_LOSS/INTEGRITY_FAILURE when there is none.
absl::StatusOr<std::uint32_t> TokenKeyVersionOf(const store::TokenRow& row);

// The token of such a row: its digits, or what the tenant's token key makes of its handle. Errors
// as above, and the key's.
absl::StatusOr<std::string> TokenOf(const store::TokenRow& row, KeySource& keys);

// OK when a row that passed CheckRow() has a card that is kept on at this time, else Deleted(),
// Exhausted() or Expired().
absl::Status CheckHasNotEnded(const store::TokenRow& row, absl::Time now);
// The same when it also opens, else Suspended() too.
absl::Status CheckOpens(const store::TokenRow& row, absl::Time now);

// The row one revision on with another card. Its PAN index and the versions of its index and data
// keys are set to what the card needs. From here on the MAC binds all of the row's columns, the
// sealed card among them, so that a former card's do not fit it any more:
//   format 3, or 4 of a row with digits || token-key version, as it was || AES-256-GCM
absl::StatusOr<store::TokenRow> WithCard(const CardData& card, const TokenTerms& terms,
                                         const SealingKey& data_key, store::TokenRow row,
                                         const crypto::HmacSha256& key);
// Whether its card was ever replaced.
bool HasReplacedCard(const store::TokenRow& row);

// The row one revision on, opened so many times more, which it may be. With the last use it ends.
store::TokenRow Used(std::uint32_t uses, absl::Time now, store::TokenRow row,
                     const crypto::HmacSha256& key);

// The row one revision on in another state. Of a deleted token only the name is left: the sealed
// card is cut down to its header; the PAN index, the versions of both keys, end, uses and metadata
// are gone.
store::TokenRow InState(TokenState state, store::TokenRow row, const crypto::HmacSha256& key);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_TOKEN_ROW_H_
