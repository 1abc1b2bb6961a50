#ifndef KEYSVC_KEYSVC_RPC_ACCESS_H_
#define KEYSVC_KEYSVC_RPC_ACCESS_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "keysvc/rpc/reply.h"
#include "policy/gate.h"

namespace keysvc::rpc {

// The access decision of a handler: checks the request id and the purpose that the caller states,
// notes them and the resource in the reply's record, and asks the gate. `resource` has been checked
// to be a resource name. Errors: FIELD_INVALID, POLICY_DENIED.
absl::StatusOr<policy::Permit> Authorize(const policy::Gate& gate, AnyReply& reply,
                                         policy::Action action, std::string resource,
                                         std::string_view request_id = {},
                                         std::string_view purpose = {});

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_ACCESS_H_
