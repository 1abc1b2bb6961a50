#include "keysvc/cli/verification.h"

#include <string_view>

namespace keysvc::cli {

std::string WordOf(v1::SignatureFault fault) {
  constexpr std::string_view kPrefix = "SIGNATURE_FAULT_";
  const std::string& name = v1::SignatureFault_Name(fault);
  return name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : std::to_string(fault);
}

}  // namespace keysvc::cli
