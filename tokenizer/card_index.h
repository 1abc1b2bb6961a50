#ifndef KEYSVC_TOKENIZER_CARD_INDEX_H_
#define KEYSVC_TOKENIZER_CARD_INDEX_H_

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "store/store.h"
#include "tokenizer/held_keys.h"
#include "tokenizer/pan.h"
#include "tokenizer/profile.h"
#include "tokenizer/tokenizer.h"

namespace keysvc::tokenizer {

// ALREADY_EXISTS/CARD_ALREADY_TOKENIZED, field "card": of a card that is to have a certain one.
absl::Status CardHasAnotherToken();

// Finds the tokens that cards have in a deterministic profile with rows. Errors are those of the
// keys and of the store. Not thread-safe; one call's.
class CardIndex {
 public:
  // All of them outlive it.
  CardIndex(const Profile& profile, HeldKeys& keys, store::Store& store)
      : profile_(profile), keys_(keys), store_(store) {}

  // What stands for the card in the store: HMAC-SHA-256 of its number under the index key.
  absl::StatusOr<std::string> IndexOf(const Pan& pan);

  // Row by row in the order of what IndexOf() gave; nullopt for a card without a token.
  absl::StatusOr<std::vector<std::optional<store::TokenRow>>> Find(
      std::span<const std::string> pan_indexes);

  // The token of a row that was found, with the account reference that it has kept, if any.
  // DATA_LOSS/INTEGRITY_FAILURE when the row is not what was
  // written, and so may not be that of the card which led to it.
  absl::StatusOr<IssuedToken> TokenOf(const store::TokenRow& row);

 private:
  const Profile& profile_;
  HeldKeys& keys_;
  store::Store& store_;
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_CARD_INDEX_H_
