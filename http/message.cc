#include "http/message.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "http/query_parameter.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::http {
namespace {

constexpr std::size_t kMostFields = 64;
constexpr std::size_t kLargest = std::size_t{64} * 1024;

constexpr auto kOfRequests = std::to_array<std::string_view>(
    {"@method", "@target-uri", "@authority", "@scheme", "@request-target", "@path", "@query"});
constexpr std::string_view kStatus = "@status";

absl::Status Invalid(std::string_view what) {
  return Error(Reason::kFieldInvalid, std::string(what), "message");
}

// RFC 9110 section 5.6.2.
bool IsTokenCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsTokenCharacter);
}

// Visible characters, without blanks.
bool IsVisible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}
// RFC 9110 section 5.5, without bytes beyond ASCII: a signature base is ASCII (RFC 9421 section
// 2.5).
bool IsFieldValue(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= ' ' && c < '\x7f') || c == '\t'; });
}

absl::Status CheckRequest(const Message& message) {
  if (!IsToken(message.method)) return Invalid("the method is none");
  if (!IsVisible(message.scheme) || !IsVisible(message.authority) || !IsVisible(message.path) ||
      !IsVisible(message.query)) {
    return Invalid("a part of the target has blanks or characters beyond ASCII");
  }
  if (!message.path.empty() && message.path.front() != '/') return Invalid("the path has no slash");
  if (message.path.find_first_of("?#") != std::string::npos ||
      message.query.find('#') != std::string::npos) {
    return Invalid("path and query are not apart");
  }
  return absl::OkStatus();
}

// RFC 9421 section 2.2.3: in lower case, without the scheme's own port.
std::string AuthorityOf(const Message& message) {
  std::string authority = absl::AsciiStrToLower(message.authority);
  const std::string scheme = absl::AsciiStrToLower(message.scheme);
  const std::string_view port = scheme == "https" ? ":443" : scheme == "http" ? ":80" : "";
  if (!port.empty() && authority.ends_with(port)) authority.resize(authority.size() - port.size());
  return authority;
}

std::string PathOf(const Message& message) { return message.path.empty() ? "/" : message.path; }

std::string QueryOf(const Message& message) {
  return message.query.empty() ? std::string() : "?" + message.query;
}

absl::StatusOr<std::string> Needed(std::string value, std::string_view name) {
  if (!value.empty()) return value;
  return Invalid(absl::StrCat("the message has no ", ToAbsl(name)));
}

absl::StatusOr<std::string> DerivedOf(const Message& message, std::string_view name) {
  if (name == kStatus) {
    if (!message.status.has_value()) return Invalid("a request has no status");
    return std::to_string(*message.status);
  }
  if (message.status.has_value()) return Invalid("a response has no target");
  if (name == "@method") return message.method;
  if (name == "@path") return PathOf(message);
  if (name == "@query") return "?" + message.query;
  if (const auto parameter = QueryParameterNameOf(name)) {
    return QueryParameterOf(message.query, *parameter);
  }
  if (name == "@request-target") return PathOf(message) + QueryOf(message);
  if (name == "@scheme") return Needed(absl::AsciiStrToLower(message.scheme), "scheme");
  if (name == "@authority") return Needed(AuthorityOf(message), "authority");
  RETURN_IF_ERROR(Needed(message.scheme, "scheme").status());
  RETURN_IF_ERROR(Needed(message.authority, "authority").status());
  return absl::StrCat(absl::AsciiStrToLower(message.scheme), "://", AuthorityOf(message),
                      PathOf(message), QueryOf(message));
}

}  // namespace

absl::Status CheckMessage(const Message& message) {
  if (message.status.has_value()) {
    if (*message.status < 100 || *message.status > 599) return Invalid("there is no such status");
    if (!message.method.empty()) return Invalid("a message has either a method or a status");
  } else {
    RETURN_IF_ERROR(CheckRequest(message));
  }
  std::size_t size = message.authority.size() + message.path.size() + message.query.size() +
                     message.body.value_or("").size();
  for (const Field& field : message.fields) {
    if (!IsToken(field.name)) return Invalid("the name of a field is none");
    if (!IsFieldValue(field.value)) return Invalid("a field has a character that fields have not");
    size += field.name.size() + field.value.size();
  }
  if (message.fields.size() > kMostFields || size > kLargest) {
    return Error(Reason::kMessageTooLarge, "a message has at most 64 fields and 64 KiB", "message");
  }
  return absl::OkStatus();
}

bool IsComponent(std::string_view name) {
  if (name.starts_with('@')) {
    return name == kStatus || QueryParameterNameOf(name).has_value() ||
           std::find(kOfRequests.begin(), kOfRequests.end(), name) != kOfRequests.end();
  }
  return IsToken(name) && absl::AsciiStrToLower(ToAbsl(name)) == name;
}

std::optional<std::string> FieldOf(const Message& message, std::string_view lower_case_name) {
  std::optional<std::string> value;
  for (const Field& field : message.fields) {
    if (!absl::EqualsIgnoreCase(field.name, ToAbsl(lower_case_name))) continue;
    const auto stripped = absl::StripAsciiWhitespace(field.value);
    value = value.has_value() ? absl::StrCat(*value, ", ", stripped) : std::string(stripped);
  }
  return value;
}

absl::StatusOr<std::string> ComponentOf(const Message& message, std::string_view name) {
  if (!IsComponent(name)) return Invalid("there is no such component");
  if (name.starts_with('@')) return DerivedOf(message, name);
  std::optional<std::string> value = FieldOf(message, name);
  if (!value.has_value()) return Invalid("the message lacks a field that is to be covered");
  return *std::move(value);
}

}  // namespace keysvc::http
