#ifndef KEYSVC_TOKENIZER_CARD_UPDATE_CALL_H_
#define KEYSVC_TOKENIZER_CARD_UPDATE_CALL_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "audit/journal.h"
#include "policy/gate.h"
#include "store/store.h"
#include "tokenizer/call_services.h"
#include "tokenizer/card_data.h"
#include "tokenizer/card_index.h"
#include "tokenizer/held_keys.h"
#include "tokenizer/key_source.h"
#include "tokenizer/token_reader.h"
#include "tokenizer/tokenizer.h"

namespace keysvc::tokenizer {

// One call of UpdateTokenCard, from the names and cards to the record. Lives as long as the journal
// or its caller holds it. A conflict means that another call changed one of the tokens, wrote one
// of the cards or answered the same request in between: then the call reads the rows again and
// tries once more, on the journal's thread, with the keys that it holds already.
class CardUpdateCall : public std::enable_shared_from_this<CardUpdateCall> {
 public:
  using Results = std::vector<absl::StatusOr<IssuedToken>>;

  // As many cards as names.
  CardUpdateCall(const CallServices& services, policy::Permit permit, std::string tenant,
                 std::vector<absl::StatusOr<TokenName>> names,
                 std::vector<absl::StatusOr<CardData>> cards, const RequestFacts& facts,
                 audit::Done<Results> done);

  void Run();

 private:
  // The keys of one profile, and the way from its cards to its tokens.
  struct ProfileKeys {
    ProfileKeys(const Profile& profile, const CallServices& services)
        : held(profile, services.keys), index(profile, held, services.store) {}
    HeldKeys held;
    CardIndex index;
  };
  // What an attempt has done so far.
  struct Progress {
    store::Mutation mutation = {};
    std::set<std::int64_t> handles = {};                                // of the tokens
    std::set<std::pair<const Profile*, std::string>> pan_indexes = {};  // that they have then
    std::set<std::uint32_t> data_versions = {};
    std::uint32_t merged = 0;
  };

  absl::Status Prepare();
  void Attempt();
  absl::StatusOr<std::optional<Results>> FindKept();
  // Counts guesses at the cards of a request whose id is known: whether the answer is the kept one
  // tells whether its cards are these.
  absl::Status TakeGuessesOfRequest();
  // Answers with what was kept, as far as the policy lets the caller at the tokens still.
  void Repeat(Results results);
  absl::Status Read();
  // Adds the token's row with its new card, unless that is refused.
  absl::StatusOr<IssuedToken> Update(std::size_t item, Progress& progress);
  // Gives the row the PAN index that the card has in a deterministic profile, or none where another
  // token has it and the profile merges.
  absl::Status Index(const Profile& profile, ProfileKeys& keys, std::string pan_index,
                     store::TokenRow& row, Progress& progress);
  ProfileKeys& KeysOf(const Profile& profile);
  absl::Status Keep(const Results& results, store::Mutation& mutation);
  void Record(audit::Entry entry, absl::StatusOr<Results> results, store::Mutation mutation = {});
  void Fail(const absl::Status& why);

  const CallServices& services_;
  const policy::Permit permit_;
  const std::string tenant_;
  std::vector<absl::StatusOr<TokenName>> names_;
  const std::vector<absl::StatusOr<CardData>> cards_;
  audit::Done<Results> done_;
  const audit::Entry entry_;  // what every attempt's entry starts from
  TokenReader reader_;
  std::vector<TokenReading> readings_;
  std::map<const Profile*, std::unique_ptr<ProfileKeys>> keys_;
  std::optional<RequestKeys> request_keys_;  // with a request id only
  std::string fingerprint_;
  int attempts_ = 0;
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_CARD_UPDATE_CALL_H_
