#ifndef KEYSVC_CRYPTO_UTF8_H_
#define KEYSVC_CRYPTO_UTF8_H_

#include <cstddef>
#include <string_view>

namespace keysvc::crypto {

// The length of the UTF-8 sequence (RFC 3629) that `text` begins with; 0 when it begins with none.
std::size_t Utf8SequenceLength(std::string_view text);

// Whether all of it is UTF-8.
bool IsUtf8(std::string_view text);

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_UTF8_H_
