#ifndef KEYSVC_TOKENIZER_CONVERT_CALL_H_
#define KEYSVC_TOKENIZER_CONVERT_CALL_H_

#include <cstdint>
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
#include "tokenizer/key_source.h"
#include "tokenizer/profile.h"
#include "tokenizer/token_maker.h"
#include "tokenizer/token_reader.h"
#include "tokenizer/tokenizer.h"

namespace keysvc::tokenizer {

// One call of ConvertToken: reads tokens as Detokenize does, and makes others of their cards as
// Tokenize does. Uses of the ones, the others and the record are one commit. Lives as long as the
// journal or its caller holds it. A conflict means that another call changed one of the tokens,
// wrote one of the cards or answered the same request in between: then the call looks again and
// tries once more, on the journal's thread, with the keys and the cards that it holds already.
class ConvertCall : public std::enable_shared_from_this<ConvertCall> {
 public:
  using Results = TokenMaker::Results;

  // The permit `from` is for the tokens of the tenant, `to` for the target.
  ConvertCall(const CallServices& services, policy::Permit from, std::string tenant,
              std::vector<absl::StatusOr<TokenName>> names, policy::Permit to, Profile target,
              const RequestFacts& facts, audit::Done<Results> done);

  void Run();

 private:
  absl::Status Prepare();
  void Attempt();
  absl::StatusOr<std::optional<Results>> FindKept();
  // Answers with what was kept, as far as the policy lets the caller at the tokens still.
  void Repeat(Results results);
  // Reads the tokens, and opens their cards the first time.
  absl::Status Read();
  // The first time: what is not for the target becomes the reason.
  absl::Status Open();
  void RefuseTokensOfTarget();
  void RefuseWhatTargetDoesNotMake();
  void RefuseCardsThatTargetDoesNotTake();
  // Makes the tokens, and counts a use of each one that another was made of.
  absl::StatusOr<Results> Convert(store::Mutation& mutation);
  absl::Status Keep(const Results& results, store::Mutation& mutation);
  void AddItems(const Results& results, audit::Entry& entry) const;
  void AddSources(audit::Entry& entry) const;
  void Record(audit::Entry entry, absl::StatusOr<Results> results, store::Mutation mutation = {});
  void Fail(const absl::Status& why);

  const CallServices& services_;
  const policy::Permit from_;
  const policy::Permit to_;
  const std::string tenant_;
  const std::vector<absl::StatusOr<TokenName>> names_;
  const RequestFacts facts_;
  audit::Done<Results> done_;
  audit::Entry entry_;  // what every attempt's entry starts from
  TokenReader reader_;
  TokenMaker maker_;
  std::vector<TokenReading> readings_;
  std::optional<RequestKeys> request_keys_;  // with a request id only
  std::string fingerprint_;
  std::uint32_t uses_ = 0;  // that the last attempt counted
  int attempts_ = 0;
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_CONVERT_CALL_H_
