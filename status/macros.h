// Early return for absl::Status. Debian 12's Abseil predates absl/status/status_macros.h.
#ifndef KEYSVC_STATUS_MACROS_H_
#define KEYSVC_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define KEYSVC_CONCAT_INNER(a, b) a##b
#define KEYSVC_CONCAT(a, b) KEYSVC_CONCAT_INNER(a, b)

#define RETURN_IF_ERROR(expression)                                         \
  do {                                                                      \
    if (absl::Status _status = (expression); !_status.ok()) return _status; \
  } while (false)

#define ASSIGN_OR_RETURN(target, expression) \
  ASSIGN_OR_RETURN_INNER(KEYSVC_CONCAT(_status_or_, __LINE__), target, expression)

#define ASSIGN_OR_RETURN_INNER(temporary, target, expression) \
  auto temporary = (expression);                              \
  if (!temporary.ok()) return std::move(temporary).status();  \
  target = std::move(temporary).value()

#endif  // KEYSVC_STATUS_MACROS_H_
