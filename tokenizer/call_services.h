#ifndef KEYSVC_TOKENIZER_CALL_SERVICES_H_
#define KEYSVC_TOKENIZER_CALL_SERVICES_H_

#include <functional>

#include "absl/time/time.h"
#include "audit/journal.h"
#include "policy/gate.h"
#include "store/store.h"
#include "tokenizer/budgets.h"
#include "tokenizer/drawn_token.h"
#include "tokenizer/key_source.h"
#include "tokenizer/profile.h"

namespace keysvc::tokenizer {

// How often a call that changes rows tries again: of many calls that meet on one token each commit
// lets one through.
inline constexpr int kMaxAttemptsOnRows = 100;

// What the calls of a tokenizer work with. All of it outlives them.
struct CallServices {
  const Profiles& profiles;
  KeySource& keys;
  store::Store& store;
  audit::Journal& journal;
  const policy::Gate& gate;
  Budgets& budgets;
  std::function<absl::Time()> clock;
  RandomSource random;
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_CALL_SERVICES_H_
