#ifndef KEYSVC_STATUS_ABSEIL_H_
#define KEYSVC_STATUS_ABSEIL_H_

#include <string_view>

#include "absl/strings/string_view.h"

namespace keysvc {

// Debian 12 builds Abseil with a string_view of its own, Debian 13 with the standard one; this
// conversion is right for both. The other way, use std::string_view(view.data(), view.size()).
inline absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace keysvc

#endif  // KEYSVC_STATUS_ABSEIL_H_
