#include <utility>

#include "policy/gate.h"

namespace keysvc::policy {

// What a domain call looks like: only the gate's own permit reaches it.
void Call(Permit permit);

void Use(Permit permit) {
#ifdef FORGE
  Call(Permit(Caller(), Action::kDetokenize, "", nullptr, "", Reveal::kFull));
#endif
#ifdef COPY
  Call(permit);
#endif
  Call(std::move(permit));
}

}  // namespace keysvc::policy
