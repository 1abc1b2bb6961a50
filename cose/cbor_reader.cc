#include "cose/cbor_reader.h"

#include <cbor.h>

#include <cstddef>

#include "crypto/bytes.h"

namespace keysvc::cose {
namespace {

using Item = CborReader::Item;
using Kind = CborReader::Kind;

// RFC 8949 section 3.1: major type 6, tag numbers 0 to 23.
constexpr char kFirstShortTag = '\xc0';
constexpr char kLastShortTag = '\xd7';

// What a callback of the decoder writes to.
struct Decoded {
  Item item;
  bool indefinite = false;
};

template <Kind kKind, typename Number>
void SetNumber(void* to, Number number) {
  static_cast<Decoded*>(to)->item = {.kind = kKind, .number = number};
}

template <Kind kKind>
void SetText(void* to, cbor_data data, std::size_t size) {
  static_cast<Decoded*>(to)->item = {.kind = kKind, .text = crypto::AsText({data, size})};
}

void SetNull(void* to) { static_cast<Decoded*>(to)->item = {.kind = Kind::kNull}; }

void SetIndefinite(void* to) { static_cast<Decoded*>(to)->indefinite = true; }

cbor_callbacks Callbacks() {
  cbor_callbacks callbacks = cbor_empty_callbacks;
  callbacks.uint8 = SetNumber<Kind::kUnsigned>;
  callbacks.uint16 = SetNumber<Kind::kUnsigned>;
  callbacks.uint32 = SetNumber<Kind::kUnsigned>;
  callbacks.uint64 = SetNumber<Kind::kUnsigned>;
  callbacks.negint8 = SetNumber<Kind::kNegative>;
  callbacks.negint16 = SetNumber<Kind::kNegative>;
  callbacks.negint32 = SetNumber<Kind::kNegative>;
  callbacks.negint64 = SetNumber<Kind::kNegative>;
  callbacks.byte_string = SetText<Kind::kBytes>;
  callbacks.string = SetText<Kind::kText>;
  callbacks.array_start = SetNumber<Kind::kArray>;
  callbacks.map_start = SetNumber<Kind::kMap>;
  callbacks.tag = SetNumber<Kind::kTag>;
  callbacks.null = SetNull;
  callbacks.byte_string_start = SetIndefinite;
  callbacks.string_start = SetIndefinite;
  callbacks.indef_array_start = SetIndefinite;
  callbacks.indef_map_start = SetIndefinite;
  callbacks.indef_break = SetIndefinite;
  return callbacks;
}

// How many items follow that belong to this one; more than there can be stays more.
std::uint64_t ItemsIn(const Item& item) {
  constexpr std::uint64_t kMany = std::uint64_t{1} << 32;
  if (item.kind == Kind::kTag) return 1;
  if (item.kind == Kind::kArray) return item.number;
  if (item.kind == Kind::kMap) return item.number < kMany ? 2 * item.number : item.number;
  return 0;
}

}  // namespace

std::optional<Item> CborReader::Next() {
  // libcbor 0.8 takes most of the tags that fit into their first byte for malformed.
  if (!left_.empty() && left_.front() >= kFirstShortTag && left_.front() <= kLastShortTag) {
    const auto number = static_cast<std::uint64_t>(left_.front() - kFirstShortTag);
    left_.remove_prefix(1);
    return Item{.kind = Kind::kTag, .number = number};
  }
  static const cbor_callbacks callbacks = Callbacks();
  Decoded decoded;
  const cbor_decoder_result result =
      cbor_stream_decode(crypto::AsBytes(left_).data(), left_.size(), &callbacks, &decoded);
  if (result.status != CBOR_DECODER_FINISHED || decoded.indefinite) return std::nullopt;
  left_.remove_prefix(result.read);
  return decoded.item;
}

bool CborReader::Skip() {
  for (std::uint64_t wanted = 1; wanted > 0;) {
    const std::optional<Item> item = Next();
    if (!item.has_value()) return false;
    const std::uint64_t inside = ItemsIn(*item);
    // Each of them takes a byte at least.
    if (inside > left_.size()) return false;
    wanted += inside;
    --wanted;
  }
  return true;
}

}  // namespace keysvc::cose
