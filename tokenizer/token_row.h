#ifndef KEYSVC_TOKENIZER_TOKEN_ROW_H_
#define KEYSVC_TOKENIZER_TOKEN_ROW_H_

#include <string>

#include "absl/status/statusor.h"
#include "crypto/aead.h"
#include "crypto/mac.h"
#include "store/rows.h"
#include "tokenizer/card_data.h"

namespace keysvc::tokenizer {

enum class TokenState : std::uint8_t { kActive = 1 };

// Fills `sealed` of a row whose immutable columns are set; they are the associated data.
absl::Status SealRow(store::TokenRow& row, const CardData& card, const crypto::Aes256Gcm& data_key);
// DATA_LOSS/INTEGRITY_FAILURE when any immutable column or the ciphertext is not what was sealed.
absl::StatusOr<CardData> OpenRow(const store::TokenRow& row, const crypto::Aes256Gcm& data_key);

// The MAC over the row's identity and its mutable columns.
std::string MacOfRow(const store::TokenRow& row, const crypto::HmacSha256& key);
absl::Status CheckRowMac(const store::TokenRow& row, const crypto::HmacSha256& key);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_TOKEN_ROW_H_
