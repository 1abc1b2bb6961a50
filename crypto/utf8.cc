#include "crypto/utf8.h"

#include <cstdint>

namespace keysvc::crypto {

std::size_t Utf8SequenceLength(std::string_view text) {
  const auto between = [text](std::size_t at, int low, int high) {
    if (at >= text.size()) return false;
    const int byte = static_cast<std::uint8_t>(text[at]);
    return byte >= low && byte <= high;
  };
  const auto tail = [&between](std::size_t at) { return between(at, 0x80, 0xbf); };
  if (between(0, 0x00, 0x7f)) return 1;
  if (between(0, 0xc2, 0xdf) && tail(1)) return 2;
  const bool three = (between(0, 0xe0, 0xe0) && between(1, 0xa0, 0xbf)) ||
                     (between(0, 0xed, 0xed) && between(1, 0x80, 0x9f)) ||
                     (between(0, 0xe1, 0xec) && tail(1)) || (between(0, 0xee, 0xef) && tail(1));
  if (three && tail(2)) return 3;
  const bool four = (between(0, 0xf0, 0xf0) && between(1, 0x90, 0xbf)) ||
                    (between(0, 0xf1, 0xf3) && tail(1)) ||
                    (between(0, 0xf4, 0xf4) && between(1, 0x80, 0x8f));
  if (four && tail(2) && tail(3)) return 4;
  return 0;
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = Utf8SequenceLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

}  // namespace keysvc::crypto
