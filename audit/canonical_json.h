#ifndef KEYSVC_AUDIT_CANONICAL_JSON_H_
#define KEYSVC_AUDIT_CANONICAL_JSON_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace keysvc::audit {

// Appends `text` as a JSON string in the form of RFC 8785 section 3.2.2.2: only what must be
// escaped is. Bytes that are not UTF-8 become U+FFFD, so that the result always is.
void AppendJsonString(std::string& out, std::string_view text);

// One JSON object in canonical form. Members must be added in the order of their names, which are
// ASCII and need no escapes.
class JsonObject {
 public:
  // `expected` bytes are set aside: growing step by step costs more than writing.
  explicit JsonObject(std::size_t expected = 256) { out_.reserve(expected); }

  void Text(std::string_view name, std::string_view value);
  // Left out when empty.
  void OptionalText(std::string_view name, std::string_view value);
  // `json` is a value in canonical form already.
  void Raw(std::string_view name, std::string_view json);
  std::string Take();

 private:
  void Name(std::string_view name);
  std::string out_ = "{";
};

}  // namespace keysvc::audit

#endif  // KEYSVC_AUDIT_CANONICAL_JSON_H_
