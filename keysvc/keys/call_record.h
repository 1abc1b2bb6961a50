// From a permit to the record of what was done with it.
#ifndef KEYSVC_KEYSVC_KEYS_CALL_RECORD_H_
#define KEYSVC_KEYSVC_KEYS_CALL_RECORD_H_

#include <string_view>

#include "absl/status/status.h"
#include "audit/entry.h"
#include "policy/gate.h"

namespace keysvc::keys {

// INTERNAL/INTERNAL unless the permit is for this action on the resource or something below it: a
// permit for one key never opens another.
absl::Status CheckPermit(const policy::Permit& permit, policy::Action action,
                         std::string_view resource);

// The entry of a call, with the facts of its permit.
audit::Entry EntryOf(const policy::Permit& permit, std::string_view action,
                     std::string_view resource, std::string_view request_id);

// The entry of what the service does on its own.
audit::Entry SystemEntry(std::string_view action, std::string_view resource);

// The entry of a call that came to nothing, with the word of its error.
audit::Entry Failed(audit::Entry entry, const absl::Status& status);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_CALL_RECORD_H_
