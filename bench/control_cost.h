#ifndef KEYSVC_BENCH_CONTROL_COST_H_
#define KEYSVC_BENCH_CONTROL_COST_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "crypto/secret_key.h"
#include "keysvc/config.h"
#include "policy/gate.h"
#include "store/store.h"
#include "tokenizer/budgets.h"

namespace keysvc::bench {

// What it costs that a call is decided on, kept within limits and recorded, whatever the call does:
// a unary Detokenize without reading, opening and sending a card. The same gate, policy, checks and
// log writer as the service's, in this process, on a store of their own with nothing but records.
class ControlCost {
 public:
  // `path`: where the store is made.
  static absl::StatusOr<std::unique_ptr<ControlCost>> Make(const Config& config,
                                                           const std::string& profile,
                                                           const std::string& path,
                                                           const crypto::SecretKey<32>& key);

  // Microseconds of processor time for each call, of all threads of this process, which must do
  // nothing else meanwhile. Runs for about `time`.
  absl::StatusOr<double> Measure(absl::Duration time);

 private:
  ControlCost(std::shared_ptr<const policy::Policy> policy, std::unique_ptr<store::Store> store,
              std::string profile);

  const policy::Gate gate_;
  tokenizer::Budgets budgets_;
  const std::unique_ptr<store::Store> store_;
  const std::string profile_;
};

}  // namespace keysvc::bench

#endif  // KEYSVC_BENCH_CONTROL_COST_H_
