#include "tokenizer/card_index.h"

#include "crypto/bytes.h"
#include "crypto/digest.h"
#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/opaque_token.h"
#include "tokenizer/token_row.h"

namespace keysvc::tokenizer {

absl::Status CardHasAnotherToken() {
  return Error(Reason::kCardAlreadyTokenized, "the card has another token in this profile", "card");
}

absl::StatusOr<std::string> CardIndex::IndexOf(const Pan& pan) {
  ASSIGN_OR_RETURN(const auto index, keys_.Index());
  return std::string(
      crypto::AsText(index.key->Compute(pan.Expose(crypto::SecretAccess::kGranted))));
}

absl::StatusOr<std::vector<std::optional<store::TokenRow>>> CardIndex::Find(
    std::span<const std::string> pan_indexes) {
  if (pan_indexes.empty()) return std::vector<std::optional<store::TokenRow>>();
  ASSIGN_OR_RETURN(const auto index, keys_.Index());
  return store_.FindTokensByPanIndex(profile_.tenant, profile_.number, index.version, pan_indexes);
}

absl::StatusOr<IssuedToken> CardIndex::TokenOf(const store::TokenRow& row) {
  ASSIGN_OR_RETURN(const auto row_mac, keys_.RowMac());
  RETURN_IF_ERROR(CheckRow(row, *row_mac));
  ASSIGN_OR_RETURN(const auto data_key, keys_.Data(row.data_version));
  // Opening proves that the index still leads to the card it was made from.
  ASSIGN_OR_RETURN(const OpenedRow opened, OpenRow(row, *data_key));
  IssuedToken token{{profile_.tenant, row.digits}};
  if (!profile_.account_reference_issuer.empty()) {
    token.account_reference = opened.terms.account_reference;
  }
  if (!row.digits.empty()) return token;
  ASSIGN_OR_RETURN(const auto token_key, keys_.Token(opened.token_key_version));
  token.name.token = EncodeOpaqueToken({row.handle, profile_.number}, profile_.tenant,
                                       opened.token_key_version, *token_key);
  return token;
}

}  // namespace keysvc::tokenizer
