#ifndef KEYSVC_KEYSVC_SAY_H_
#define KEYSVC_KEYSVC_SAY_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace keysvc {

// One line for the operator, on standard error. Thread-safe.
void Say(const std::string& line);

// What an operator is told of an error that a caller would hear. A caller asks again when it is not
// known whether a record was written; an operator has to know why that can be: it becomes
// UNAVAILABLE/AUDIT_UNAVAILABLE and says where to look.
absl::Status ForOperator(absl::Status status);

// "keysvcd: WHAT REASON: message". `what` is empty or ends with ": ".
void SayError(std::string_view what, const absl::Status& status);

}  // namespace keysvc

#endif  // KEYSVC_KEYSVC_SAY_H_
