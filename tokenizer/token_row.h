#ifndef KEYSVC_TOKENIZER_TOKEN_ROW_H_
#define KEYSVC_TOKENIZER_TOKEN_ROW_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "crypto/aead.h"
#include "crypto/mac.h"
#include "store/rows.h"
#include "tokenizer/card_data.h"
#include "tokenizer/sealing_key.h"

namespace keysvc::tokenizer {

enum class TokenState : std::uint8_t { kActive = 1 };

// Fills `sealed` of a row whose immutable columns are set; they are the associated data. The
// version of the token key that names the row is kept with it, so that a card's token stays the
// same when the token key is rotated.
//   format 1 || token-key version (4 bytes, big-endian) || AES-256-GCM of the card data
absl::Status SealRow(store::TokenRow& row, const CardData& card, std::uint32_t token_key_version,
                     const SealingKey& data_key);

struct OpenedRow {
  CardData card;
  std::uint32_t token_key_version = 0;
};

// DATA_LOSS/INTEGRITY_FAILURE when any immutable column or the ciphertext is not what was sealed.
absl::StatusOr<OpenedRow> OpenRow(const store::TokenRow& row, const crypto::Aes256Gcm& data_key);

// The MAC over the row's identity and its mutable columns (state, revision).
std::string MacOfRow(const store::TokenRow& row, const crypto::HmacSha256& key);
// DATA_LOSS/INTEGRITY_FAILURE when the MAC is another, or the state is none that was ever written.
absl::Status CheckRow(const store::TokenRow& row, const crypto::HmacSha256& key);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_TOKEN_ROW_H_
