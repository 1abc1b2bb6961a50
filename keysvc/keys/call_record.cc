#include "keysvc/keys/call_record.h"

#include <string>

#include "status/reason.h"

namespace keysvc::keys {

absl::Status CheckPermit(const policy::Permit& permit, policy::Action action,
                         std::string_view resource) {
  const std::string& permitted = permit.resource();
  const bool covers = permitted == resource || permitted.starts_with(std::string(resource) + "/");
  if (permit.action() != action || !covers) {
    return Error(Reason::kInternal, "the permit is for something else");
  }
  return absl::OkStatus();
}

audit::Entry EntryOf(const policy::Permit& permit, std::string_view action,
                     std::string_view resource, std::string_view request_id) {
  audit::Entry entry;
  entry.action = action;
  entry.actor = permit.caller().principal;
  entry.identity = permit.caller().identity;
  entry.origin = permit.caller().origin;
  entry.resource = resource;
  entry.rule = permit.rule();
  entry.purpose = permit.purpose();
  entry.request_id = request_id;
  return entry;
}

audit::Entry SystemEntry(std::string_view action, std::string_view resource) {
  audit::Entry entry;
  entry.action = action;
  entry.actor = "system";
  entry.resource = resource;
  return entry;
}

audit::Entry Failed(audit::Entry entry, const absl::Status& status) {
  const Reason reason = ReasonOf(status).value_or(Reason::kInternal);
  entry.outcome = IsDenial(reason) ? audit::Outcome::kDenied : audit::Outcome::kFailed;
  entry.reason = InfoOf(reason).name;
  return entry;
}

}  // namespace keysvc::keys
