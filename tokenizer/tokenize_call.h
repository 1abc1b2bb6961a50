#ifndef KEYSVC_TOKENIZER_TOKENIZE_CALL_H_
#define KEYSVC_TOKENIZER_TOKENIZE_CALL_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "audit/journal.h"
#include "policy/gate.h"
#include "store/rows.h"
#include "tokenizer/call_services.h"
#include "tokenizer/card_data.h"
#include "tokenizer/card_index.h"
#include "tokenizer/held_keys.h"
#include "tokenizer/key_source.h"
#include "tokenizer/profile.h"
#include "tokenizer/tokenizer.h"

namespace keysvc::tokenizer {

// One call of Tokenize, from the cards to the record. Lives as long as the journal or its caller
// holds it. A conflict means that another call wrote the same card or the same request id in
// between: then the call looks again and tries once more, on the journal's thread. There it works
// with the keys that it holds already, so that an HSM that hangs never holds up the journal.
class TokenizeCall : public std::enable_shared_from_this<TokenizeCall> {
 public:
  using Results = std::vector<absl::StatusOr<IssuedToken>>;

  TokenizeCall(const CallServices& services, const policy::Permit& permit, Profile profile,
               std::vector<absl::StatusOr<CardData>> cards, const RequestFacts& facts,
               audit::Done<Results> done);

  void Run(const policy::Permit& permit);

 private:
  // Cards that get one token: each alone, or in a deterministic profile all that are equal.
  struct Group {
    const CardData* card = nullptr;
    std::string pan_index = {};
    absl::Status told = {};                   // whether the caller may hear of the token
    std::optional<store::TokenRow> row = {};  // of a card that has a token
  };

  absl::Status Prepare(const policy::Permit& permit);
  // Whether the profile takes such a card.
  absl::Status CheckCard(const CardData& card) const;
  void Attempt();
  absl::StatusOr<std::optional<Results>> FindKept();
  absl::StatusOr<Results> MakeTokens(store::Mutation& mutation);
  // The tokens of an FF1 profile.
  absl::StatusOr<Results> ComputeTokens();
  absl::Status Keep(const Results& results, store::Mutation& mutation);
  // Sorts the cards into groups; `group_of_` tells which card is in which.
  absl::StatusOr<std::vector<Group>> MakeGroups();
  // Holds the keys that any card needs, and those to seal with when `fresh`.
  absl::Status HoldKeys(bool fresh);
  // Counts the card as one that the caller may be guessing. `card` stands for it among those that
  // are held against each other.
  absl::Status TakeGuess(std::string_view among, const Pan& pan, std::string_view card);
  // The same for the cards of a request whose id is known: whether the answer is the kept one tells
  // whether its cards are these, in every profile.
  absl::Status TakeGuessesOfRequest();
  absl::StatusOr<IssuedToken> TokenOfRow(const store::TokenRow& row);
  absl::StatusOr<IssuedToken> NewRow(const Group& group, std::int64_t handle,
                                     store::Mutation& mutation);
  // A token of random digits that nothing in the store or in the mutation has.
  // FAILED_PRECONDITION/TOKENS_EXHAUSTED when none is found.
  absl::StatusOr<std::string> DrawDigits(const Pan& pan, const store::Mutation& mutation) const;
  void Record(absl::StatusOr<Results> results, store::Mutation mutation = {});

  const CallServices& services_;
  Profile profile_;
  const policy::GuessLimit guess_limit_;
  std::vector<absl::StatusOr<CardData>> cards_;
  audit::Done<Results> done_;
  audit::Entry entry_;                       // what every attempt's entry starts from
  std::optional<RequestKeys> request_keys_;  // with a request id only
  std::string fingerprint_;
  HeldKeys keys_;
  CardIndex index_;
  int attempts_ = 0;

  // Of one attempt:
  absl::Time now_;  // that nobody sets forward
  std::vector<std::optional<std::size_t>> group_of_;
  std::set<std::uint32_t> data_versions_;
  std::uint32_t ff1_version_ = 0;
  bool repetition_ = false;
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_TOKENIZE_CALL_H_
