#ifndef KEYSVC_HTTP_SIGNATURE_INPUT_H_
#define KEYSVC_HTTP_SIGNATURE_INPUT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"

namespace keysvc::http {

// What a signature covers, with its parameters (RFC 9421 section 2.3). Parameters keep their order,
// which is signed too.
struct SignatureInput {
  using Value = std::variant<std::int64_t, std::string>;

  std::vector<std::string> components;  // as ComponentOf() takes them
  std::vector<std::pair<std::string, Value>> parameters;

  std::optional<std::int64_t> Integer(std::string_view name) const;
  std::optional<std::string> Text(std::string_view name) const;
};

// A component as a signature names it (RFC 9421 section 2): its name in quotes, and its parameter
// behind them: "@query-param";name="Pet".
std::string IdentifierOf(std::string_view component);

// ("@method" "date");created=1618884473;keyid="k": an inner list of RFC 8941.
std::string ToText(const SignatureInput& input);
// INVALID_ARGUMENT/FIELD_INVALID for what ToText does not give, so that one input has one text; for
// a component twice or with parameters that are not understood here, for a parameter twice, unknown
// ones, and ones of the wrong type.
absl::StatusOr<SignatureInput> ParseSignatureInput(std::string_view text);

// A member of a dictionary whose values are inner lists or byte sequences (RFC 8941): `label=value`
// separated by commas.
struct Member {
  std::string label;
  std::string value;
};
// INVALID_ARGUMENT/FIELD_INVALID for a label twice, or what is no such dictionary. The values are
// not looked into.
absl::StatusOr<std::vector<Member>> ParseDictionary(std::string_view text);

// Whether it is a key of RFC 8941, as labels are, of at most 32 characters.
bool IsLabel(std::string_view text);
// Whether it may stand in a quoted text: visible ASCII and blanks, at most 256.
bool IsQuotable(std::string_view text);

// :base64: of RFC 8941; nullopt for what is none.
std::string ByteSequence(std::string_view bytes);
std::optional<std::string> FromByteSequence(std::string_view text);

}  // namespace keysvc::http

#endif  // KEYSVC_HTTP_SIGNATURE_INPUT_H_
