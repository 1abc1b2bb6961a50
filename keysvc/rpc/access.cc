#include "keysvc/rpc/access.h"

#include <utility>

#include "keysvc/rpc/convert.h"
#include "status/macros.h"

namespace keysvc::rpc {

absl::StatusOr<policy::Permit> Authorize(const policy::Gate& gate, AnyReply& reply,
                                         policy::Action action, std::string resource,
                                         std::string_view request_id, std::string_view purpose) {
  RETURN_IF_ERROR(CheckRequestId(request_id));
  RETURN_IF_ERROR(CheckPurpose(purpose));
  audit::Entry& record = reply.record();
  record.resource = std::move(resource);
  record.request_id = std::string(request_id);
  // Of a call that is decided more than once, the last decision is the one to be explained.
  record.rule.clear();
  ASSIGN_OR_RETURN(policy::Permit permit,
                   gate.Authorize(reply.caller(), action, record.resource, purpose));
  record.rule = permit.rule();
  record.purpose = permit.purpose();
  return permit;
}

}  // namespace keysvc::rpc
