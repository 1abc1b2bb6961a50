#ifndef KEYSVC_KEYSVC_KEYS_SIGNATURE_BUDGETS_H_
#define KEYSVC_KEYSVC_KEYS_SIGNATURE_BUDGETS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "policy/gate.h"
#include "tokenizer/sliding_count.h"

namespace keysvc::keys {

// How many signatures each caller of a rule, and each key under a rule, had of those that the
// policy's limits let. In memory only, and bounded by the principals and rules of the policy and
// the keys; RecountSignatures() makes it again after a start. Times are of a clock that nobody
// sets. Thread-safe.
class SignatureBudgets {
 public:
  // What happened before the process started, in the order in which it did. `key` is a key's
  // resource name.
  void Add(std::string_view principal, std::string_view rule, std::string_view key,
           std::uint32_t signatures, absl::Time time);

 private:
  friend class SigningAllowance;
  struct Count {
    tokenizer::SlidingCount made;
    std::uint64_t pending = 0;  // allowed, and neither made nor given back yet
  };
  using Pair = std::pair<std::string, std::string>;

  std::mutex mutex_;
  std::map<Pair, Count> by_caller_;  // by principal and rule
  std::map<Pair, Count> by_key_;     // by rule and key; nothing is ever taken out of either
};

// The signatures that one call may make: of those it wants, the first ones. They count against all
// other calls from the beginning, so that no race goes over a limit; what is not spent is given
// back at the end. Not thread-safe; the budgets outlive it.
class SigningAllowance {
 public:
  // Of the limits of the permit's rule, for its caller and for `key`, a key's resource name.
  SigningAllowance(SignatureBudgets& budgets, const policy::Permit& permit, std::string_view key,
                   std::size_t wanted, absl::Time now);
  ~SigningAllowance();
  SigningAllowance(const SigningAllowance&) = delete;
  SigningAllowance& operator=(const SigningAllowance&) = delete;

  std::size_t size() const { return size_; }
  // Of what was wanted beyond them: RESOURCE_EXHAUSTED/SIGNATURES_EXHAUSTED, once a limit of the
  // caller's or the key's is used up.
  const absl::Status& refusal() const { return refusal_; }
  // So many of them were made. The others are given back, and none is left.
  void Spend(std::size_t made, absl::Time now);

 private:
  SignatureBudgets& budgets_;
  SignatureBudgets::Count* caller_ = nullptr;
  SignatureBudgets::Count* key_ = nullptr;
  std::size_t size_ = 0;
  absl::Status refusal_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_SIGNATURE_BUDGETS_H_
