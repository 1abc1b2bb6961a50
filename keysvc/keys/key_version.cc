#include "keysvc/keys/key_version.h"

#include "status/reason.h"

namespace keysvc::keys {

bool IsPrepared(const KeyVersion& version) {
  return version.state == KeyState::kPreActivation && version.made;
}

absl::Status CheckUse(const KeyVersion& version, Use use, absl::Time now) {
  if (version.parameters.protection == Protection::kShared) use = Use::kApply;
  if (!Allows(version.state, use)) {
    return Error(Reason::kKeyNotActive, "the key version's state forbids this use");
  }
  const absl::Time end = use == Use::kApply ? version.originator_end : version.recipient_end;
  if (now >= end) return Error(Reason::kKeyNotActive, "the key version's cryptoperiod is over");
  return absl::OkStatus();
}

}  // namespace keysvc::keys
