#ifndef KEYSVC_TOKENIZER_TOKENIZE_CALL_H_
#define KEYSVC_TOKENIZER_TOKENIZE_CALL_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "audit/journal.h"
#include "policy/gate.h"
#include "store/store.h"
#include "tokenizer/call_services.h"
#include "tokenizer/card_data.h"
#include "tokenizer/key_source.h"
#include "tokenizer/profile.h"
#include "tokenizer/token_maker.h"
#include "tokenizer/tokenizer.h"

namespace keysvc::tokenizer {

// One call of Tokenize or ImportTokens, from the cards to the record. Lives as long as the journal
// or its caller holds it. A conflict means that another call wrote the same card or the same
// request id in between: then the call looks again and tries once more, on the journal's thread.
// There it works with the keys that it holds already, so that an HSM that hangs never holds up the
// journal.
class TokenizeCall : public std::enable_shared_from_this<TokenizeCall> {
 public:
  using Results = std::vector<absl::StatusOr<IssuedToken>>;

  // `action` is the one of these that is called.
  TokenizeCall(const CallServices& services, policy::Action action, const policy::Permit& permit,
               Profile profile, std::vector<absl::StatusOr<CardData>> cards,
               const RequestFacts& facts, audit::Done<Results> done);

  void Run(const policy::Permit& permit);

 private:
  absl::Status Prepare(const policy::Permit& permit);
  void Attempt();
  absl::StatusOr<std::optional<Results>> FindKept();
  absl::Status Keep(const Results& results, store::Mutation& mutation);
  // Counts guesses at the cards of a request whose id is known: whether the answer is the kept one
  // tells whether its cards are these, in every profile.
  absl::Status TakeGuessesOfRequest();
  TokenMaker::Cards Cards() const;
  void Record(absl::StatusOr<Results> results, store::Mutation mutation = {});

  const CallServices& services_;
  const policy::Action action_;
  TokenMaker maker_;
  std::vector<absl::StatusOr<CardData>> cards_;
  audit::Done<Results> done_;
  audit::Entry entry_;                       // what every attempt's entry starts from
  std::optional<RequestKeys> request_keys_;  // with a request id only
  std::string fingerprint_;
  int attempts_ = 0;
  bool repetition_ = false;
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_TOKENIZE_CALL_H_
