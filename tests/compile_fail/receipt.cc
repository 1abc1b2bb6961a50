#include <utility>

#include "audit/journal.h"

namespace keysvc::audit {

// What sending a reply looks like: only the journal's own receipt reaches it.
void Reply(Receipt receipt);

void Use(Receipt receipt) {
#ifdef FORGE
  Reply(Receipt(1));
#endif
#ifdef MAKE
  Reply(Journal::MakeReceipt(1));
#endif
#ifdef COPY
  Reply(receipt);
#endif
  Reply(std::move(receipt));
}

}  // namespace keysvc::audit
