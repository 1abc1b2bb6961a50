#include "http/query_parameter.h"

#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "status/abseil.h"
#include "status/reason.h"

namespace keysvc::http {
namespace {

constexpr std::string_view kBeforeName = "@query-param;name=\"";

bool StandsForItself(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("*-._").find(c) != std::string_view::npos;
}

bool IsHex(std::string_view digits) {
  return digits.size() == 2 && absl::ascii_isxdigit(static_cast<unsigned char>(digits[0])) &&
         absl::ascii_isxdigit(static_cast<unsigned char>(digits[1]));
}

// What a piece of a query stands for, in the one form: a plus sign is a blank, and a percent sign
// before anything but two digits is itself.
std::string Reencoded(std::string_view piece) {
  std::string encoded;
  for (std::size_t i = 0; i < piece.size(); ++i) {
    char c = piece[i];
    if (c == '+') c = ' ';
    if (c == '%' && IsHex(piece.substr(i + 1, 2))) {
      c = absl::HexStringToBytes(ToAbsl(piece.substr(i + 1, 2))).front();
      i += 2;
    }
    if (StandsForItself(c)) {
      encoded += c;
    } else {
      absl::StrAppend(&encoded, "%", absl::AsciiStrToUpper(absl::BytesToHexString({&c, 1})));
    }
  }
  return encoded;
}

absl::Status Invalid(const char* what) { return Error(Reason::kFieldInvalid, what, "message"); }

}  // namespace

std::string QueryParameterComponent(std::string_view encoded_name) {
  return absl::StrCat(ToAbsl(kBeforeName), ToAbsl(encoded_name), "\"");
}

std::optional<std::string_view> QueryParameterNameOf(std::string_view component) {
  if (!component.starts_with(kBeforeName) || !component.ends_with('"') ||
      component.size() <= kBeforeName.size() + 1) {
    return std::nullopt;
  }
  component.remove_prefix(kBeforeName.size());
  component.remove_suffix(1);
  // A plus sign would be read as a blank, which is written otherwise.
  if (Reencoded(component) != component) return std::nullopt;
  return component;
}

absl::StatusOr<std::string> QueryParameterOf(std::string_view query,
                                             std::string_view encoded_name) {
  std::optional<std::string> value;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(pair.size() == query.size() ? pair.size() : pair.size() + 1);
    const std::size_t sign = pair.find('=');
    if (Reencoded(pair.substr(0, sign)) != encoded_name) continue;
    if (value.has_value())
      return Invalid("a parameter of the query that is covered is there twice");
    value = sign == std::string_view::npos ? std::string() : Reencoded(pair.substr(sign + 1));
  }
  if (!value.has_value()) return Invalid("the query lacks a parameter that is to be covered");
  return *std::move(value);
}

}  // namespace keysvc::http
