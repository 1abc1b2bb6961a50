// The answer of Tokenize, ConvertToken or UpdateTokenCard, kept for a caller who repeats the
// request (AIP-155).
#ifndef KEYSVC_TOKENIZER_KEPT_TOKENS_H_
#define KEYSVC_TOKENIZER_KEPT_TOKENS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "status/reason.h"
#include "store/rows.h"
#include "tokenizer/card_data.h"
#include "tokenizer/key_source.h"
#include "tokenizer/tokenizer.h"

namespace keysvc::tokenizer {

// A keyed hash of all that the request says. A card that could not be parsed counts by its error.
// `domains` are one for each card, or none; so are the `tokens` that they are imported with and the
// texts of metadata.
absl::StatusOr<std::string> FingerprintOf(std::string_view profile_resource,
                                          const std::vector<absl::StatusOr<CardData>>& cards,
                                          const std::vector<TokenDomain>& domains,
                                          const std::vector<std::string>& tokens,
                                          const std::vector<std::string>& metadata,
                                          const crypto::HmacSha256& key);

// The same of a request to convert tokens, with the uses and domains that it states.
std::string FingerprintOf(std::string_view target_resource,
                          const std::vector<absl::StatusOr<TokenName>>& names,
                          const RequestFacts& facts, const std::vector<std::string>& metadata,
                          const crypto::HmacSha256& key);

// The same of a request to put cards behind tokens, one for each.
absl::StatusOr<std::string> FingerprintOf(std::string_view tenant,
                                          const std::vector<absl::StatusOr<TokenName>>& names,
                                          const std::vector<absl::StatusOr<CardData>>& cards,
                                          const crypto::HmacSha256& key);

struct KeptToken {
  std::string token = {};
  std::optional<Expiry> expiry = std::nullopt;   // of the family kEmv
  std::optional<Reason> refused = std::nullopt;  // why there is none
  std::string account_reference = {};            // empty: none
  friend bool operator==(const KeptToken&, const KeptToken&) = default;
};

// What is kept of results, with the reasons of those that failed.
std::vector<KeptToken> KeptOf(const std::vector<absl::StatusOr<IssuedToken>>& results);

// The results of a request for `names` of which this is kept; `refusal` is what errors say.
// DATA_LOSS/INTEGRITY_FAILURE when it is for another number of them.
absl::StatusOr<std::vector<absl::StatusOr<IssuedToken>>> ResultsOf(
    std::vector<KeptToken> tokens, std::string_view tenant,
    const std::vector<absl::StatusOr<TokenName>>& names, std::string_view refusal);
// The same of a request for cards.
absl::StatusOr<std::vector<absl::StatusOr<IssuedToken>>> ResultsOf(
    std::vector<KeptToken> tokens, std::string_view tenant,
    const std::vector<absl::StatusOr<CardData>>& cards, std::string_view refusal);

// One token for each card or token, empty where there is none; sealed and bound to who asked for
// it.
absl::StatusOr<store::IdempotencyRow> KeepTokens(const std::vector<KeptToken>& tokens,
                                                 std::string_view principal,
                                                 std::string_view request_id,
                                                 std::string_view fingerprint, absl::Time expires,
                                                 const AnswerKey& key);

// What was kept. INVALID_ARGUMENT/REQUEST_ID_REUSED when the fingerprint is another,
// DATA_LOSS/INTEGRITY_FAILURE when any column was changed.
absl::StatusOr<std::vector<KeptToken>> OpenKeptTokens(const store::IdempotencyRow& row,
                                                      std::string_view fingerprint,
                                                      const AnswerKey& key);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_KEPT_TOKENS_H_
