#ifndef KEYSVC_TOKENIZER_TOKENIZER_H_
#define KEYSVC_TOKENIZER_TOKENIZER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "audit/journal.h"
#include "crypto/random.h"
#include "policy/gate.h"
#include "store/store.h"
#include "tokenizer/budgets.h"
#include "tokenizer/call_services.h"
#include "tokenizer/card_data.h"
#include "tokenizer/drawn_token.h"
#include "tokenizer/key_source.h"
#include "tokenizer/profile.h"
#include "tokenizer/retention_report.h"
#include "tokenizer/token_domain.h"
#include "tokenizer/token_metadata.h"
#include "tokenizer/token_state.h"

namespace keysvc::tokenizer {

// Facts of the request that records carry and that make a repetition recognisable.
struct RequestFacts {
  std::string request_id;  // a UUID, or empty
  std::string trace_id;
  // What each token is about to be used for; none: nothing is said of any.
  std::vector<TokenUse> uses = {};
  // How risky the caller says that it is to reveal the tokens' cards: one for all or one for each;
  // none: nothing is said. At most policy::kHighestRisk each.
  std::vector<std::uint32_t> risk_scores = {};
  // What each token that is made is to be for; likewise.
  std::vector<TokenDomain> domains = {};
  // What each token that is made is to have with it; likewise. Not recorded: records stay.
  std::vector<TokenMetadata> metadata = {};
  // What each token that is imported was called where it was issued, empty where the service is to
  // make one; none: nothing is imported.
  std::vector<std::string> tokens = {};
};

// "tenants/{tenant}/tokens": what a permit is for until a token has told its profile.
std::string TokensOf(std::string_view tenant);

// A token by its full name, tenants/{tenant}/tokens/{token}.
struct TokenName {
  std::string tenant;
  std::string token;
  // The resource name of the profile, where the caller says it. Tokens of digits do not, and are
  // found by it only; of opaque ones it is compared.
  std::string profile = {};

  // INVALID_ARGUMENT/FIELD_INVALID, field "name", when the text is not of that form.
  static absl::StatusOr<TokenName> Parse(std::string_view name);
  std::string ToString() const;
};

// A token as it was issued.
struct IssuedToken {
  TokenName name;
  std::optional<Expiry> expiry = std::nullopt;  // of the family kEmv
  std::string account_reference = {};           // empty where the profile gives none
};

// The token that a card has already.
struct KnownToken {
  TokenName name;
  TokenState state = TokenState::kActive;  // kActive or kSuspended
  std::string account_reference = {};      // empty where the profile gives none
};

// A card as far as the caller may see it: `full` only at Reveal::kFull.
struct RevealedCard {
  policy::Reveal reveal = policy::Reveal::kLastFour;
  std::string masked_pan;
  std::optional<Expiry> expiry;
  std::optional<CardData> full;
  std::string account_reference = {};  // whatever the reveal; empty where the profile gives none
};

// "tenants/{tenant}/tokenProfiles": what a permit is for that covers all of them.
std::string ProfilesOf(std::string_view tenant);

// What the policy says who may make fingerprints by: the tenant's key for them,
// tenants/{tenant}/keys/card-fingerprint.
std::string FingerprintResource(std::string_view tenant);

struct TokenView {
  std::string name;     // resource name
  std::string profile;  // resource name
  TokenState state = TokenState::kActive;
  absl::Time created;
  std::optional<absl::Time> ends = std::nullopt;          // none: not by itself
  std::optional<std::uint32_t> uses_left = std::nullopt;  // none: any number
  // Of the family kEmv:
  std::optional<Expiry> token_expiry = std::nullopt;
  std::string token_requestor_id = {};
  // Of a deleted token nothing of these is left:
  std::string masked_pan = {};
  std::optional<Expiry> expiry = std::nullopt;
  std::uint32_t data_key_version = 0;
  std::string account_reference = {};  // empty where the profile gives none
  TokenDomain domain = {};
  TokenMetadata metadata = {};
};

// Which tokens of a profile a caller wants to have listed.
struct ListingQuery {
  TokenMetadata filter = {};                       // values that they all have
  std::optional<TokenState> state = std::nullopt;  // none: any
  std::size_t size = 0;                            // of the page at most, from 1 on
  std::string page = {};                           // what the page before gave; empty: the first
};

// A token as it is listed: nothing of its card.
struct ListedToken {
  std::string name;
  TokenState state = TokenState::kActive;
  absl::Time created;
  TokenMetadata metadata = {};
};

struct TokenPage {
  std::vector<ListedToken> tokens;
  std::string next = {};  // bytes that tell where the next page begins; empty: there is none
};

// What FingerprintOfCard made of cards.
struct CardFingerprints {
  std::uint32_t key_version = 0;
  std::vector<absl::StatusOr<std::string>> fingerprints;
};

// Cards in, tokens out. Every call is one record in the journal, also a failed one; `done` runs on
// the calling thread or on a journal thread. Items of a batch succeed or fail one by one.
// Thread-safe.
class Tokenizer {
 public:
  Tokenizer(const Profiles& profiles, KeySource& keys, store::Store& store, audit::Journal& journal,
            const policy::Gate& gate, std::function<absl::Time()> clock = absl::Now,
            RandomSource random = crypto::FillRandom);

  // Takes over from the log what callers have used up of their limits. Once, before the first call.
  // The store's errors.
  absl::Status CountRecords();

  // Tokens for the cards, in order; the permit is for the profile. A card that could not be parsed
  // comes as its error and stays one. With a request id, a repetition within profile.keep_answers
  // gets the same tokens, and another content INVALID_ARGUMENT/REQUEST_ID_REUSED; also what was
  // refused stays refused, where any card got a token. What fails in passing (FailedInPassing()) is
  // the error of the call, and nothing is made: ABORTED/CONFLICT when others kept writing the same
  // cards. Where equal cards get equal tokens, or account
  // references, GUESSES_EXHAUSTED for a card once the caller tried too many that look like it. An
  // FF1 profile refuses what it cannot keep, as CheckFf1Card says, and every profile the number of
  // an EMV token with INVALID_ARGUMENT/PAN_INVALID. FAILED_PRECONDITION/TOKENS_EXHAUSTED when no
  // number is left to draw.
  void Tokenize(policy::Permit permit, const Profile& profile,
                std::vector<absl::StatusOr<CardData>> cards, RequestFacts facts,
                audit::Done<std::vector<absl::StatusOr<IssuedToken>>> done);

  // Takes over cards that were kept elsewhere, under the tokens that `facts.tokens` say, one for
  // each; the permit is for the profile. As Tokenize, but that nothing is held against the caller,
  // and a card is refused that cannot have its token: INVALID_ARGUMENT/FIELD_INVALID, field
  // "token", for what CheckImportedToken refuses, ALREADY_EXISTS/CARD_ALREADY_TOKENIZED for a card
  // that has another token in a deterministic profile, ALREADY_EXISTS/TOKEN_TAKEN for a token that
  // is there already, unless it is found to be that card's: by a deterministic profile.
  // INVALID_ARGUMENT/FIELD_INVALID, field "parent", for a profile that keeps no cards.
  void Import(policy::Permit permit, const Profile& profile,
              std::vector<absl::StatusOr<CardData>> cards, RequestFacts facts,
              audit::Done<std::vector<absl::StatusOr<IssuedToken>>> done);

  // The tokens that the cards have, in order; the permit is for the profile. Makes none:
  // NOT_FOUND/CARD_NOT_TOKENIZED for a card without one. Of a card its number alone, as Fingerprint
  // takes it. FAILED_PRECONDITION/CARDS_NOT_INDEXED when the profile finds no token by its card.
  // GUESSES_EXHAUSTED as above, and MISSES_EXHAUSTED, for the call or for what is left of a batch,
  // once the caller asked for too many cards that have none.
  void LookUp(policy::Permit permit, const Profile& profile,
              std::vector<absl::StatusOr<CardData>> cards, RequestFacts facts,
              audit::Done<std::vector<absl::StatusOr<KnownToken>>> done);

  // The permit is for tenants/{tenant}/tokens; the gate decides again for each token's profile.
  // NOT_FOUND/TOKEN_NOT_FOUND for unknown, forged and other tenants' tokens alike;
  // PERMISSION_DENIED when the policy does not allow the token's profile, or not at the risk score
  // that is asserted of it (RISK_TOO_HIGH); FAILED_PRECONDITION,
  // TOKEN_SUSPENDED, TOKEN_DELETED, TOKEN_EXPIRED or TOKEN_EXHAUSTED, when its state does not.
  // ABORTED/CONFLICT when others kept using the same tokens. Tokens of digits are found only when
  // their names say the profile. RESOURCE_EXHAUSTED/MISSES_EXHAUSTED, for the call or for what is
  // left of a batch, once the caller has named too many tokens that there are not;
  // REVEALS_EXHAUSTED, token by token, once the rule lets no more be revealed.
  void Detokenize(policy::Permit permit, std::string tenant,
                  std::vector<absl::StatusOr<TokenName>> tokens, RequestFacts facts,
                  audit::Done<std::vector<absl::StatusOr<RevealedCard>>> done);

  // Other tokens of the target for the cards of these, in order, which the caller does not see.
  // `from` is for tenants/{tenant}/tokens and decided again as above, `to` for the target. What
  // keeps a card from being detokenized, but for the rule's limits on reveals, or from being
  // tokenized keeps its token from being converted, with the same errors. A use of each token that
  // is converted is counted in the same commit. Request ids as of Tokenize.
  void Convert(policy::Permit from, std::string tenant,
               std::vector<absl::StatusOr<TokenName>> tokens, policy::Permit to,
               const Profile& target, RequestFacts facts,
               audit::Done<std::vector<absl::StatusOr<IssuedToken>>> done);

  // Suspends (kSuspended), resumes (kActive) or deletes (kDeleted) tokens, in order; the permit is
  // for tenants/{tenant}/tokens and the action of that name. What is in the state already stays so
  // and is OK, FAILED_PRECONDITION/TOKEN_DELETED what is deleted for ever; else errors and request
  // ids as above. An acknowledged suspension is seen by every call that begins after it. Deleting
  // erases the card at once. ABORTED/CONFLICT when others kept changing the same tokens.
  void ChangeState(policy::Permit permit, std::string tenant,
                   std::vector<absl::StatusOr<TokenName>> tokens, TokenState state,
                   RequestFacts facts, audit::Done<std::vector<absl::Status>> done);

  // Puts another card behind each token, in order: that of the same account which was issued in its
  // place. The permit is for tenants/{tenant}/tokens and decided again as above. Name, state, end,
  // uses, domain and account reference stay; the former card is erased, and in a deterministic
  // profile the token is found by the new one. ALREADY_EXISTS/CARD_ALREADY_TOKENIZED when that has
  // another token there, unless the profile merges: then the token opens, and the other one stays
  // the card's. A suspended token is updated too; TOKEN_DELETED, TOKEN_EXPIRED and TOKEN_EXHAUSTED,
  // INVALID_ARGUMENT/FIELD_INVALID for a token that is named twice, GUESSES_EXHAUSTED, and errors
  // and request ids as of Convert. A card that could not be parsed comes as its error and stays
  // one. Calls that began before the answer may still see the former card.
  void UpdateCards(policy::Permit permit, std::string tenant,
                   std::vector<absl::StatusOr<TokenName>> tokens,
                   std::vector<absl::StatusOr<CardData>> cards, RequestFacts facts,
                   audit::Done<std::vector<absl::StatusOr<IssuedToken>>> done);

  // Of tokens, in order, all but their cards. At most masked, and only the last four unless the
  // rule that allows it reveals more. The permit is for tenants/{tenant}/tokens and decided again
  // as above, with the same errors but for those of states and of limits on reveals.
  void Describe(policy::Permit permit, std::string tenant,
                std::vector<absl::StatusOr<TokenName>> tokens, RequestFacts facts,
                audit::Done<std::vector<absl::StatusOr<TokenView>>> done);

  // Tokens of the profile, in the order of their making; the permit is for the profile. A page may
  // have fewer than it could, or none, with more to come. What is made meanwhile may come
  // on none, and nothing comes twice. FIELD_INVALID for a filter that is none of the profile's or a
  // page of another query. Profiles of the family kFf1, which keep nothing, have none.
  void List(policy::Permit permit, const Profile& profile, ListingQuery query, RequestFacts facts,
            audit::Done<TokenPage> done);

  // The cards' fingerprints, in order; the permit is for FingerprintResource(tenant). A card that
  // could not be parsed comes as its error and stays one, and one that has more than a number gets
  // CheckNumberAlone's. By the primary key version when `key_version` is 0; an older one is for
  // comparing with what it made. Neither card nor fingerprint is recorded. GUESSES_EXHAUSTED as
  // above; what was tried before a start is not known then.
  void Fingerprint(policy::Permit permit, std::string tenant,
                   std::vector<absl::StatusOr<CardData>> cards, std::uint32_t key_version,
                   RequestFacts facts, audit::Done<CardFingerprints> done);

  // What the tenant's tokens keep, as of now and to be read step by step; the permit is for
  // ProfilesOf(tenant). Records nothing. Lives at most as long as this.
  RetentionReport ReportRetention(const policy::Permit& permit, std::string tenant);

 private:
  Budgets budgets_;
  const CallServices services_;
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_TOKENIZER_H_
