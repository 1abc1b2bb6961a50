#ifndef KEYSVC_HTTP_SIGNATURE_BASE_H_
#define KEYSVC_HTTP_SIGNATURE_BASE_H_

#include <string>

#include "absl/status/statusor.h"
#include "http/message.h"
#include "http/signature_input.h"

namespace keysvc::http {

// What is signed (RFC 9421 section 2.5): a line for each component, and one for what is covered.
// INVALID_ARGUMENT/FIELD_INVALID when the message lacks a component.
absl::StatusOr<std::string> SignatureBase(const Message& message, const SignatureInput& input);

}  // namespace keysvc::http

#endif  // KEYSVC_HTTP_SIGNATURE_BASE_H_
