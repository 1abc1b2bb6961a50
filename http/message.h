#ifndef KEYSVC_HTTP_MESSAGE_H_
#define KEYSVC_HTTP_MESSAGE_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace keysvc::http {

struct Field {
  std::string name;  // in any case
  std::string value;
};

// A request or a response, as far as its signature is concerned (RFC 9421 section 2).
struct Message {
  // Of a request.
  std::string method;     // "POST"
  std::string scheme;     // "https"
  std::string authority;  // "bank.example:8443"
  std::string path;       // "/payments", as it stands in the request line
  std::string query;      // "a=1&b=2", without the question mark
  // Of a response: 100 .. 599.
  std::optional<int> status;

  std::vector<Field> fields;        // in the message's order
  std::optional<std::string> body;  // when it is to be compared with Content-Digest
};

// INVALID_ARGUMENT/FIELD_INVALID unless it is either a request with a method or a response with a
// status, and no part of it has a character that could end a line or begin another: what is signed
// is lines. MESSAGE_TOO_LARGE for more than 64 fields or 64 KiB.
absl::Status CheckMessage(const Message& message);

// The value of a component (RFC 9421 section 2.1 and 2.2): "@method", "@target-uri", "@authority",
// "@scheme", "@request-target", "@path", "@query", "@status", @query-param;name="Pet", or a field's
// name in lower case. INVALID_ARGUMENT/FIELD_INVALID for other names, and for what the message does
// not have.
absl::StatusOr<std::string> ComponentOf(const Message& message, std::string_view name);

// Whether it is the name of a component that can be signed here.
bool IsComponent(std::string_view name);

// The value of a field that may be there once or more, as in ComponentOf; nullopt when it is not.
std::optional<std::string> FieldOf(const Message& message, std::string_view lower_case_name);

}  // namespace keysvc::http

#endif  // KEYSVC_HTTP_MESSAGE_H_
