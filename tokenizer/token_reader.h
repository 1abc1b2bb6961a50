#ifndef KEYSVC_TOKENIZER_TOKEN_READER_H_
#define KEYSVC_TOKENIZER_TOKEN_READER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "crypto/aead.h"
#include "crypto/aes_block.h"
#include "crypto/ff1.h"
#include "crypto/mac.h"
#include "policy/gate.h"
#include "store/store.h"
#include "tokenizer/budgets.h"
#include "tokenizer/key_source.h"
#include "tokenizer/opaque_token.h"
#include "tokenizer/profile.h"
#include "tokenizer/token_row.h"
#include "tokenizer/tokenizer.h"

namespace keysvc::tokenizer {

// A token that the policy lets the caller at, and how.
struct FoundToken {
  const Profile* profile = nullptr;
  std::uint32_t token_version = 0;          // of the token key that made it; opaque tokens only
  std::int64_t handle = 0;                  // of its row; likewise
  std::optional<store::TokenRow> row = {};  // authenticated; none: the card is computed
  const policy::Permit* permit = nullptr;   // for the token's profile; lives as long as the reader
  // Once it is opened:
  std::optional<CardData> card = {};
  std::uint32_t ff1_version = 0;       // of the key that computed the card
  std::string account_reference = {};  // empty where the profile gives none
  TokenDomain domain = {};             // its own
  // As much of the card's number as the caller may see, at most masked.
  std::string Masked() const;
};

struct TokenReading {
  std::string name;     // of a genuine token, else empty
  std::string profile;  // resource name, when known
  absl::StatusOr<FoundToken> token = absl::UnknownError("");
};

// For how long an answer about these tokens is kept: as long as the longest of their profiles says.
absl::Duration AnswersAreKept(const std::vector<TokenReading>& readings);

// Of an answer that was kept for `names`, and what TokenReader::Allow() says of them now: what the
// policy lets the caller at no more becomes that error, and the readings of what is left have the
// names.
template <typename Result>
void RefuseWhatIsNotAllowed(const std::vector<absl::StatusOr<TokenName>>& names,
                            std::vector<TokenReading>& readings, std::vector<Result>& results) {
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (!readings[i].token.ok()) {
      results[i] = readings[i].token.status();
    } else if (results[i].ok()) {
      readings[i].name = names[i]->ToString();
    }
  }
}

// Counts every reading as a look-up by the caller; what its limits let it hear nothing of becomes
// that error. `now` is a time that nobody sets (Journal::SteadyTime).
void CountLookUps(Budgets& budgets, const policy::Permit& permit, absl::Time now,
                  std::vector<TokenReading>& readings);

// The first cause among the readings that passes (FailedInPassing).
absl::Status FindPassing(const std::vector<TokenReading>& readings);

// The risk score that is asserted of one item of a call, of which RequestFacts::risk_scores has
// `scores`.
std::optional<std::uint32_t> RiskScoreOf(const std::vector<std::uint32_t>& scores,
                                         std::size_t item);

class TokenReader;

// Opens the cards of what `reader` found under `names`, each only if the limits of its rule let one
// more be revealed. What may not be opened, does not open, or is not
// for the use that is stated for it, becomes the reason. Look-ups are counted; reveals are not.
// `permit` and `now` as above; `uses` are one for each name, or none.
void OpenWithinLimits(Budgets& budgets, const policy::Permit& permit, absl::Time now,
                      const std::vector<absl::StatusOr<TokenName>>& names,
                      const std::vector<TokenUse>& uses, TokenReader& reader,
                      std::vector<TokenReading>& readings);

// Counts a reveal of each that opened; what the limits do not let be revealed becomes the reason.
void TakeReveals(Budgets& budgets, absl::Time now, std::vector<TokenReading>& readings);

// Reads the tokens of one call: decodes them, asks the gate for each profile once, and only then
// looks at the rows, all at once. Cards are opened one by one. Not thread-safe; one call's.
class TokenReader {
 public:
  // `permit` outlives the reader.
  TokenReader(const Profiles& profiles, KeySource& keys, store::Store& store,
              const policy::Gate& gate, const policy::Permit& permit, std::string tenant);

  // One reading per name, in order, with no look at any row: what of them the policy lets the
  // caller at, and by which rule, each with a permit for its profile and the risk score that is
  // asserted of it (RequestFacts::risk_scores).
  std::vector<TokenReading> Allow(const std::vector<absl::StatusOr<TokenName>>& names,
                                  const std::vector<std::uint32_t>& risk_scores = {});
  // The same with their rows. The outer error is the store's.
  absl::StatusOr<std::vector<TokenReading>> Find(
      const std::vector<absl::StatusOr<TokenName>>& names,
      const std::vector<std::uint32_t>& risk_scores = {});
  // The same for calls about the rows of tokens: one that has none is not found.
  absl::StatusOr<std::vector<TokenReading>> FindRows(
      const std::vector<absl::StatusOr<TokenName>>& names);
  // Reads the rows of what was found again, with no key but those that Find() got.
  absl::Status Refresh(std::vector<TokenReading>& readings);

  // The key of the tenant's row MACs, once a row was found.
  const crypto::HmacSha256& row_mac() const { return *row_mac_; }

  // Opens the card of a token that was found under `name`, or computes it, and its account
  // reference where the profile gives one; else the reading
  // becomes the error. The row's state is the caller's to judge.
  void Open(const TokenName& name, TokenReading& reading);

 private:
  // What is known of a token before its row is read.
  struct Allowed {
    TokenContent content;  // opaque tokens only
    std::uint32_t key_version = 0;
    const Profile* profile = nullptr;
    const policy::Permit* permit = nullptr;
  };

  using RiskScore = std::optional<std::uint32_t>;

  absl::StatusOr<Allowed> Allow(const TokenName& name, RiskScore asserted, TokenReading& reading);
  // By the profile that the caller says.
  absl::StatusOr<Allowed> AllowNamed(const TokenName& name, RiskScore asserted,
                                     TokenReading& reading);
  const absl::StatusOr<policy::Permit>& PermitFor(const std::string& profile, RiskScore asserted);
  absl::StatusOr<TokenContent> Decode(const TokenName& name, std::uint32_t version);
  // Names that say a profile whose tokens are random digits.
  absl::Status FindByDigits(const std::vector<absl::StatusOr<TokenName>>& names,
                            std::vector<TokenReading>& readings);
  absl::Status TakeRows(const std::vector<std::int64_t>& handles,
                        const std::vector<TokenReading*>& readings);
  void Take(std::int64_t handle, std::optional<store::TokenRow> row, TokenReading& reading);
  absl::Status Check(const FoundToken& token, std::int64_t handle,
                     const std::optional<store::TokenRow>& row);
  absl::StatusOr<OpenedRow> OpenCard(const Profile& profile, const store::TokenRow& row);
  // Add card, domain and account reference to the token.
  absl::Status OpenSealed(FoundToken& token);
  absl::Status Compute(const TokenName& name, FoundToken& token);
  // Of the card that was opened, unless the token has kept one.
  absl::Status AddAccountReference(FoundToken& token);

  const Profiles& profiles_;
  KeySource& keys_;
  store::Store& store_;
  const policy::Gate& gate_;
  const policy::Permit& permit_;
  std::string tenant_;
  std::map<std::pair<std::string, RiskScore>, absl::StatusOr<policy::Permit>> narrowed_;
  // Asked of the key source once for the call, not for each token: finding a key and judging its
  // state costs more than using it.
  std::map<std::uint32_t, std::shared_ptr<const crypto::Aes256Block>> token_keys_;
  std::map<const Profile*, Versioned<crypto::Ff1>> ff1_keys_;
  std::shared_ptr<const crypto::HmacSha256> row_mac_;
  std::shared_ptr<const crypto::HmacSha256> account_reference_key_;
  std::map<std::pair<std::uint16_t, std::uint32_t>, std::shared_ptr<const crypto::Aes256Gcm>>
      data_keys_;  // by profile and version
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_TOKEN_READER_H_
