#ifndef KEYSVC_KEYSVC_CLI_ITEM_ERROR_H_
#define KEYSVC_KEYSVC_CLI_ITEM_ERROR_H_

#include <string>

#include "absl/strings/str_cat.h"

namespace keysvc::cli {

// The error of an item of a batch: "REASON: message", empty when there is none. `Result` is a
// message with a v1::ItemError named error.
template <typename Result>
std::string ErrorOf(const Result& result) {
  if (!result.has_error()) return "";
  return absl::StrCat(result.error().reason(), ": ", result.error().message());
}

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_ITEM_ERROR_H_
