#include "http/signature_input.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "crypto/base64.h"
#include "http/message.h"
#include "http/query_parameter.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::http {
namespace {

constexpr std::size_t kLongestLabel = 32;
constexpr std::size_t kLongestText = 256;
constexpr std::size_t kMostComponents = 32;
// RFC 8941 section 3.3.1.
constexpr std::int64_t kLargestInteger = 999'999'999'999'999;

constexpr auto kIntegers = std::to_array<std::string_view>({"created", "expires"});
constexpr auto kTexts = std::to_array<std::string_view>({"nonce", "alg", "keyid", "tag"});

bool Has(const auto& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

absl::Status Invalid(std::string_view what) {
  return Error(Reason::kFieldInvalid, std::string(what), "message.fields");
}
absl::Status NoInput() { return Invalid("Signature-Input is not in the form of RFC 9421"); }

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

// Takes pieces off the front of a text.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool AtEnd() const { return rest_.empty(); }
  bool Take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // What comes before the first of `ends`, or all.
  std::string_view TakeUntil(std::string_view ends) {
    const std::string_view taken = rest_.substr(0, rest_.find_first_of(ends));
    rest_.remove_prefix(taken.size());
    return taken;
  }
  // A quoted text, without its quotes.
  std::optional<std::string> TakeQuoted() {
    if (!Take('"')) return std::nullopt;
    std::string text;
    while (!rest_.empty()) {
      if (Take('"')) return IsQuotable(text) ? std::optional(text) : std::nullopt;
      if (Take('\\') && (rest_.empty() || (rest_.front() != '"' && rest_.front() != '\\'))) {
        return std::nullopt;
      }
      text += rest_.front();
      rest_.remove_prefix(1);
    }
    return std::nullopt;
  }

 private:
  std::string_view rest_;
};

absl::Status ReadComponents(Scanner& scanner, SignatureInput& input) {
  if (!scanner.Take('(')) return NoInput();
  while (!scanner.Take(')')) {
    if (!input.components.empty() && !scanner.Take(' ')) return NoInput();
    std::optional<std::string> name = scanner.TakeQuoted();
    if (!name.has_value()) return NoInput();
    if (scanner.Take(';')) {
      const bool named = *name == kQueryParameter && scanner.TakeUntil("=") == "name";
      const std::optional<std::string> parameter =
          named && scanner.Take('=') ? scanner.TakeQuoted() : std::nullopt;
      if (!parameter.has_value()) return Invalid("a component has a parameter unknown here");
      name = QueryParameterComponent(*parameter);
    }
    if (!IsComponent(*name)) return Invalid("Signature-Input covers what is not understood here");
    if (Has(input.components, *name)) return Invalid("Signature-Input covers something twice");
    if (input.components.size() == kMostComponents) return Invalid("Signature-Input is too long");
    input.components.push_back(*std::move(name));
  }
  return absl::OkStatus();
}

absl::Status ReadParameter(Scanner& scanner, SignatureInput& input) {
  const std::string name(scanner.TakeUntil("="));
  if (!scanner.Take('=')) return NoInput();
  for (const auto& [other, value] : input.parameters) {
    if (other == name) return Invalid("Signature-Input has a parameter twice");
  }
  if (Has(kTexts, name)) {
    std::optional<std::string> text = scanner.TakeQuoted();
    if (!text.has_value()) return NoInput();
    input.parameters.emplace_back(name, *std::move(text));
    return absl::OkStatus();
  }
  if (!Has(kIntegers, name)) return Invalid("Signature-Input has a parameter that is unknown");
  std::int64_t number = 0;
  if (!absl::SimpleAtoi(ToAbsl(scanner.TakeUntil(";")), &number) || number < 0 ||
      number > kLargestInteger) {
    return NoInput();
  }
  input.parameters.emplace_back(name, number);
  return absl::OkStatus();
}

}  // namespace

bool IsLabel(std::string_view text) {
  const auto first = [](char c) { return (c >= 'a' && c <= 'z') || c == '*'; };
  const auto rest = [&first](char c) {
    return first(c) || (c >= '0' && c <= '9') ||
           std::string_view("_-.").find(c) != std::string_view::npos;
  };
  return !text.empty() && text.size() <= kLongestLabel && first(text.front()) &&
         std::all_of(text.begin(), text.end(), rest);
}

bool IsQuotable(std::string_view text) {
  return text.size() <= kLongestText &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < '\x7f'; });
}

std::optional<std::int64_t> SignatureInput::Integer(std::string_view name) const {
  for (const auto& [other, value] : parameters) {
    if (other == name && std::holds_alternative<std::int64_t>(value)) {
      return std::get<std::int64_t>(value);
    }
  }
  return std::nullopt;
}

std::optional<std::string> SignatureInput::Text(std::string_view name) const {
  for (const auto& [other, value] : parameters) {
    if (other == name && std::holds_alternative<std::string>(value)) {
      return std::get<std::string>(value);
    }
  }
  return std::nullopt;
}

std::string IdentifierOf(std::string_view component) {
  // No name has a semicolon.
  const std::size_t end = std::min(component.find(';'), component.size());
  return Quoted(component.substr(0, end)).append(component.substr(end));
}

std::string ToText(const SignatureInput& input) {
  std::string text = "(";
  for (const std::string& component : input.components) {
    if (text.size() > 1) text += ' ';
    text += IdentifierOf(component);
  }
  text += ')';
  for (const auto& [name, value] : input.parameters) {
    const bool integer = std::holds_alternative<std::int64_t>(value);
    absl::StrAppend(&text, ";", name, "=",
                    integer ? std::to_string(std::get<std::int64_t>(value))
                            : Quoted(std::get<std::string>(value)));
  }
  return text;
}

absl::StatusOr<SignatureInput> ParseSignatureInput(std::string_view text) {
  Scanner scanner(text);
  SignatureInput input;
  RETURN_IF_ERROR(ReadComponents(scanner, input));
  while (scanner.Take(';')) RETURN_IF_ERROR(ReadParameter(scanner, input));
  // Numbers have several forms, of which one is written.
  if (!scanner.AtEnd() || ToText(input) != text) return NoInput();
  return input;
}

absl::StatusOr<std::vector<Member>> ParseDictionary(std::string_view text) {
  std::vector<Member> members;
  Scanner scanner(text);
  do {
    while (scanner.Take(' ')) continue;
    Member member;
    member.label = scanner.TakeUntil("=");
    if (!IsLabel(member.label) || !scanner.Take('=')) return Invalid("a label is none");
    for (;;) {
      member.value += scanner.TakeUntil(",\"");
      if (scanner.AtEnd()) break;
      if (scanner.Take(',')) {
        if (scanner.AtEnd()) return Invalid("a label is none");
        break;
      }
      const std::optional<std::string> quoted = scanner.TakeQuoted();
      if (!quoted.has_value()) return NoInput();
      member.value += Quoted(*quoted);
    }
    while (member.value.ends_with(' ')) member.value.pop_back();
    const bool twice = std::any_of(members.begin(), members.end(), [&](const Member& other) {
      return other.label == member.label;
    });
    if (twice) return Invalid("a label is there twice");
    members.push_back(std::move(member));
  } while (!scanner.AtEnd());
  return members;
}

std::string ByteSequence(std::string_view bytes) { return ":" + crypto::ToBase64(bytes) + ":"; }

std::optional<std::string> FromByteSequence(std::string_view text) {
  if (text.size() < 2 || text.front() != ':' || text.back() != ':') return std::nullopt;
  return crypto::FromBase64(text.substr(1, text.size() - 2));
}

}  // namespace keysvc::http
