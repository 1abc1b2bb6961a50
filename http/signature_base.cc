#include "http/signature_base.h"

#include "absl/strings/str_cat.h"
#include "status/macros.h"

namespace keysvc::http {

absl::StatusOr<std::string> SignatureBase(const Message& message, const SignatureInput& input) {
  std::string base;
  for (const std::string& component : input.components) {
    ASSIGN_OR_RETURN(const std::string value, ComponentOf(message, component));
    absl::StrAppend(&base, IdentifierOf(component), ": ", value, "\n");
  }
  absl::StrAppend(&base, "\"@signature-params\": ", ToText(input));
  return base;
}

}  // namespace keysvc::http
