#ifndef KEYSVC_KEYSVC_RPC_RPC_STATUS_H_
#define KEYSVC_KEYSVC_RPC_RPC_STATUS_H_

#include <string>

#include "absl/status/status.h"
#include "grpcpp/support/status.h"
#include "status/reason.h"

namespace keysvc::rpc {

// The one way from a Status to the wire: the canonical code and, as google.rpc details, ErrorInfo
// (domain "keysvc", the reason), BadRequest when a field is at fault, RetryInfo when trying again
// may help. A status without a reason becomes INTERNAL. What went wrong inside the service is never
// told: the texts of UNAVAILABLE, INTERNAL and DATA_LOSS are fixed.
grpc::Status ToWire(const absl::Status& status);

// The text that ToWire gives a caller.
std::string WireMessage(const absl::Status& status);

// The reason of an error as callers see it: INTERNAL for a status made elsewhere.
Reason WireReason(const absl::Status& status);

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_RPC_STATUS_H_
