#ifndef KEYSVC_TOKENIZER_DETOKENIZE_CALL_H_
#define KEYSVC_TOKENIZER_DETOKENIZE_CALL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "audit/journal.h"
#include "policy/gate.h"
#include "store/store.h"
#include "tokenizer/call_services.h"
#include "tokenizer/token_reader.h"
#include "tokenizer/tokenizer.h"

namespace keysvc::tokenizer {

// One call of Detokenize, from the names to the record. Lives as long as the journal or its caller
// holds it. Where tokens open only so often, the uses are counted in the commit of the record, and
// the cards leave after it: a use that is counted may be lost, but none is made twice. A conflict
// means that another call used or changed one of the tokens in between: then the call reads the
// rows again and tries once more, on the journal's thread; it holds the cards already.
class DetokenizeCall : public std::enable_shared_from_this<DetokenizeCall> {
 public:
  using Results = std::vector<absl::StatusOr<RevealedCard>>;

  DetokenizeCall(const CallServices& services, policy::Permit permit, std::string tenant,
                 std::vector<absl::StatusOr<TokenName>> names, const RequestFacts& facts,
                 audit::Done<Results> done);

  void Run();

 private:
  absl::Status Open();
  void Attempt();
  audit::Entry EntryOfReadings() const;
  Results Reveal();
  void Fail(const absl::Status& why);

  const CallServices& services_;
  const policy::Permit permit_;
  const std::string tenant_;
  const std::vector<absl::StatusOr<TokenName>> names_;
  const std::vector<TokenUse> uses_;  // one for each name, or none
  const std::vector<std::uint32_t> risk_scores_;
  audit::Done<Results> done_;
  const audit::Entry entry_;  // what every attempt's entry starts from
  TokenReader reader_;
  std::vector<TokenReading> readings_;
  int attempts_ = 0;
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_DETOKENIZE_CALL_H_
