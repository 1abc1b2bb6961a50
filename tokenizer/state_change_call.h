#ifndef KEYSVC_TOKENIZER_STATE_CHANGE_CALL_H_
#define KEYSVC_TOKENIZER_STATE_CHANGE_CALL_H_

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
#include "tokenizer/token_reader.h"
#include "tokenizer/token_state.h"
#include "tokenizer/tokenizer.h"

namespace keysvc::tokenizer {

// One call that suspends, resumes or deletes tokens, from the names to the record. Lives as long as
// the journal or its caller holds it. A conflict means that another call changed one of the tokens,
// or answered the same request, in between: then the call reads the rows again and tries once more,
// on the journal's thread, with the keys that it holds already.
class StateChangeCall : public std::enable_shared_from_this<StateChangeCall> {
 public:
  using Results = std::vector<absl::Status>;

  StateChangeCall(const CallServices& services, policy::Permit permit, std::string tenant,
                  std::vector<absl::StatusOr<TokenName>> names, TokenState state,
                  const RequestFacts& facts, audit::Done<Results> done);

  void Run();

 private:
  absl::Status Prepare();
  void Attempt();
  absl::StatusOr<std::optional<Results>> FindKept();
  // Answers with what was kept, as far as the policy lets the caller at the tokens still.
  void Repeat(Results results);
  absl::Status Read();
  // Brings the tokens into the state, as far as they can be; the entry says what each was.
  Results Change(audit::Entry& entry, store::Mutation& mutation);
  absl::Status Keep(const Results& results, store::Mutation& mutation);
  void Record(audit::Entry entry, absl::StatusOr<Results> results, store::Mutation mutation = {});
  void Fail(const absl::Status& why);

  const CallServices& services_;
  const policy::Permit permit_;
  const std::string tenant_;
  const std::vector<absl::StatusOr<TokenName>> names_;
  const TokenState state_;
  audit::Done<Results> done_;
  const audit::Entry entry_;  // what every attempt's entry starts from
  TokenReader reader_;
  std::vector<TokenReading> readings_;
  std::optional<RequestKeys> request_keys_;  // with a request id only
  std::string fingerprint_;
  int attempts_ = 0;
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_STATE_CHANGE_CALL_H_
