#ifndef KEYSVC_TOKENIZER_TOKEN_MAKER_H_
#define KEYSVC_TOKENIZER_TOKEN_MAKER_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "audit/entry.h"
#include "policy/gate.h"
#include "store/store.h"
#include "tokenizer/call_services.h"
#include "tokenizer/card_data.h"
#include "tokenizer/card_index.h"
#include "tokenizer/held_keys.h"
#include "tokenizer/profile.h"
#include "tokenizer/tokenizer.h"

namespace keysvc::tokenizer {

// The tokens of one call's cards in a profile: made, or found where a card always gets the same
// one. Not thread-safe; one call's.
class TokenMaker {
 public:
  using Cards = std::vector<absl::StatusOr<const CardData*>>;
  using Results = std::vector<absl::StatusOr<IssuedToken>>;

  // The permit is for the profile; its rule says how many cards the caller may guess at, unless it
  // is for importing them. The services outlive the maker. The facts say what each token is to be
  // for and to have with it, and what it is called already.
  TokenMaker(const CallServices& services, const policy::Permit& permit, Profile profile,
             const RequestFacts& facts);

  const Profile& profile() const { return profile_; }
  const std::vector<TokenDomain>& domains() const { return domains_; }
  const std::vector<std::string>& tokens() const { return tokens_; }
  // What is stated for each token, as its row has it, or none; empty where that is wrong.
  const std::vector<std::string>& metadata() const { return metadata_; }

  // Whether the profile takes such a card.
  absl::Status CheckCard(const CardData& card) const;
  // Whether the card can have the token that this item says it has already.
  absl::Status CheckTokenOf(std::size_t item, const CardData& card) const;
  // Whether it makes tokens of the domain and with the metadata that are stated for this item.
  absl::Status CheckStated(std::size_t item) const;

  // A token for each card, in order; rows that are new are added to the mutation. A card that is an
  // error stays one. The outer error is the keys' or the store's. To be called again when the
  // mutation met a conflict: another call wrote one of the cards in between, or drew its token.
  // That may be on the journal's thread, and works with the keys that are held already.
  absl::StatusOr<Results> Make(const Cards& cards, store::Mutation& mutation);

  // Counts the card as one that the caller may be guessing. `card` stands for it among those that
  // are held against each other.
  absl::Status TakeGuess(std::string_view among, const Pan& pan, std::string_view card);

  // Adds which keys the tokens were made, or opened, with, and of its items the domains that were
  // stated.
  void AddKeys(audit::Entry& entry) const;
  void AddDomains(audit::Entry& entry) const;

 private:
  // Cards that get one token: each alone, or in a deterministic profile all that are equal.
  struct Group {
    const CardData* card = nullptr;
    TokenDomain domain = {};
    std::string token = {};  // that it has already, elsewhere
    std::string metadata = {};
    std::string pan_index = {};
    std::string account_reference = {};
    absl::Status told = {};                   // whether the caller may hear of the token
    std::optional<store::TokenRow> row = {};  // of a card that has a token

    // That it has, or is to have; empty where it is to be made, or is opaque.
    const std::string& Token() const { return row.has_value() ? row->digits : token; }
  };

  // The tokens of an FF1 profile.
  absl::StatusOr<Results> ComputeTokens(const Cards& cards);
  // Sorts the cards into groups; `group_of_` tells which card is in which.
  absl::StatusOr<std::vector<Group>> MakeGroups(const Cards& cards);
  // What is known of each card by itself; of those that are errors nothing.
  absl::StatusOr<std::vector<Group>> ReadCards(const Cards& cards);
  // Which of the tokens that cards are imported with the store has already, whosever they are.
  absl::StatusOr<std::set<std::string>> FindTaken() const;
  // Whether the first card of a group can have the token that it is imported with, which is taken
  // from then on.
  absl::Status Claim(const Group& group, std::set<std::string>& taken);
  // Whether the caller may hear of a card, which `card` stands for in answers that tell it from
  // others; counts it as one that the caller may be guessing.
  absl::Status MayTell(const Pan& pan, std::string_view card);
  // Holds the keys that any card needs, and those to seal with when `fresh`.
  absl::Status HoldKeys(bool fresh);
  absl::StatusOr<IssuedToken> TokenOfRow(const store::TokenRow& row);
  absl::StatusOr<IssuedToken> NewRow(const Group& group, std::int64_t handle,
                                     store::Mutation& mutation);
  // A token of random digits that nothing in the store or in the mutation has.
  // FAILED_PRECONDITION/TOKENS_EXHAUSTED when none is found.
  absl::StatusOr<std::string> DrawDigits(const Pan& pan, const store::Mutation& mutation) const;

  const CallServices& services_;
  const Profile profile_;
  const std::vector<TokenDomain> domains_;
  const std::vector<std::string> tokens_;
  const bool imports_;
  std::vector<std::string> metadata_;
  std::vector<absl::Status> metadata_checked_;  // one for each
  const absl::Status without_metadata_;         // of an item for which nothing is stated
  const std::string compared_among_;            // Profile::ComparesCardsAmong()
  const std::string principal_;
  const policy::GuessLimit guess_limit_;
  HeldKeys keys_;
  CardIndex index_;
  int times_ = 0;  // that Make() was called

  // Of the last time:
  std::vector<std::optional<std::size_t>> group_of_;
  std::map<std::size_t, absl::Status> refused_;  // items that are in none
  std::set<std::uint32_t> data_versions_;
  std::uint32_t ff1_version_ = 0;
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_TOKEN_MAKER_H_
