#include "audit/canonical_json.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "crypto/utf8.h"

namespace keysvc::audit {
namespace {

// How much of `text` stands for itself: most records are nothing else, and one append for all of it
// costs a tenth of one for each character.
std::size_t PlainLength(std::string_view text) {
  const auto is_special = [](char c) {
    const auto byte = static_cast<std::uint8_t>(c);
    return (byte < 0x20) | (byte >= 0x80) | (c == '"') | (c == '\\');
  };
  // A whole piece without a branch, which the compiler turns into a few instructions.
  constexpr std::size_t kPiece = 16;
  std::size_t plain = 0;
  for (; text.size() - plain >= kPiece; plain += kPiece) {
    const char* const piece = text.data() + plain;
    bool special = false;
    for (std::size_t i = 0; i < kPiece; ++i) special |= is_special(piece[i]);
    if (special) break;
  }
  const auto special =
      std::find_if(text.begin() + static_cast<std::ptrdiff_t>(plain), text.end(), is_special);
  return static_cast<std::size_t>(special - text.begin());
}

void AppendControl(std::string& out, char c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  switch (c) {
    case '\b':
      out += "\\b";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\r':
      out += "\\r";
      return;
    default:
      out += "\\u00";
      out += kHex[static_cast<std::uint8_t>(c) >> 4U];
      out += kHex[static_cast<std::uint8_t>(c) & 0x0fU];
  }
}

}  // namespace

void AppendJsonString(std::string& out, std::string_view text) {
  out += '"';
  while (true) {
    const std::size_t plain = PlainLength(text);
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const std::size_t length = crypto::Utf8SequenceLength(text);
    const char c = text.front();
    if (length == 0) {
      out += "\xef\xbf\xbd";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (length == 1) {
      AppendControl(out, c);
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

void JsonObject::Name(std::string_view name) {
  if (out_.size() > 1) out_ += ',';
  out_ += '"';
  out_ += name;
  out_ += "\":";
}

void JsonObject::Text(std::string_view name, std::string_view value) {
  Name(name);
  AppendJsonString(out_, value);
}

void JsonObject::OptionalText(std::string_view name, std::string_view value) {
  if (!value.empty()) Text(name, value);
}

void JsonObject::Raw(std::string_view name, std::string_view json) {
  Name(name);
  out_ += json;
}

std::string JsonObject::Take() {
  out_ += '}';
  return std::move(out_);
}

}  // namespace keysvc::audit
