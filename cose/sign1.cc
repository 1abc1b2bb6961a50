#include "cose/sign1.h"

#include <cbor.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "cose/cbor_reader.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::cose {
namespace {

using Kind = CborReader::Kind;
using Item = CborReader::Item;

constexpr std::uint64_t kSign1Tag = 18;
// RFC 9052 section 3.1, RFC 9597 section 2, RFC 8392 section 3.1.6.
constexpr std::int64_t kAlg = 1;
constexpr std::int64_t kCrit = 2;
constexpr std::int64_t kKid = 4;
constexpr std::int64_t kClaims = 15;
constexpr std::int64_t kIssuedAt = 6;
constexpr std::uint64_t kLargestTime = std::uint64_t{1} << 62;
constexpr std::uint64_t kMostHeaders = 64;
constexpr char kNil = '\xf6';

struct NamedAlg {
  std::int64_t number;
  std::string_view name;
};
// RFC 9053 section 2, RFC 8230 section 2.
constexpr auto kAlgs = std::to_array<NamedAlg>(
    {{-7, "ES256"}, {-35, "ES384"}, {-8, "EdDSA"}, {-37, "PS256"}, {-38, "PS384"}, {-39, "PS512"}});

absl::Status Invalid(std::string_view what) {
  return Error(Reason::kFieldInvalid, std::string(what), "cose_sign1");
}

// Writing. Each head is at most nine bytes long.

template <typename Encode, typename Value>
void AppendHead(std::string& to, Encode encode, Value value) {
  std::array<unsigned char, 9> head{};
  const std::size_t size = encode(value, head.data(), head.size());
  to.append(head.begin(), head.begin() + static_cast<std::ptrdiff_t>(size));
}

void AppendInteger(std::string& to, std::int64_t value) {
  if (value >= 0) return AppendHead(to, cbor_encode_uint, static_cast<std::uint64_t>(value));
  AppendHead(to, cbor_encode_negint, static_cast<std::uint64_t>(-1 - value));
}

void AppendBytes(std::string& to, std::string_view bytes) {
  AppendHead(to, cbor_encode_bytestring_start, bytes.size());
  to.append(bytes);
}

void AppendText(std::string& to, std::string_view text) {
  AppendHead(to, cbor_encode_string_start, text.size());
  to.append(text);
}

// Reading.

// A label is a number or a text, and the one is never the other.
std::optional<std::string> LabelOf(const std::optional<Item>& item) {
  if (!item.has_value()) return std::nullopt;
  if (item->kind == Kind::kUnsigned) return absl::StrCat(item->number);
  if (item->kind == Kind::kNegative) return absl::StrCat("-1-", item->number);
  if (item->kind == Kind::kText) return absl::StrCat("text ", ToAbsl(item->text));
  return std::nullopt;
}
std::string LabelOf(std::int64_t number) { return absl::StrCat(number); }

std::string AlgOf(const Item& item) {
  if (item.kind == Kind::kNegative) {
    const auto* const found = std::ranges::find_if(kAlgs, [&](const NamedAlg& alg) {
      return static_cast<std::uint64_t>(-1 - alg.number) == item.number;
    });
    if (found != kAlgs.end()) return std::string(found->name);
  }
  return "unknown";
}

// The two header maps of one message, in which no label may be twice.
class HeaderReader {
 public:
  absl::Status ReadProtected(std::string_view bytes) {
    // RFC 9052 section 3: an empty map may be left out.
    if (bytes.empty()) return Invalid("the protected header has no alg");
    CborReader reader(bytes);
    RETURN_IF_ERROR(ReadMap(reader, &HeaderReader::ReadProtectedValue));
    if (!reader.AtEnd()) return Invalid("the protected header is more than a map");
    if (header_.alg.empty()) return Invalid("the protected header has no alg");
    for (const std::string& label : critical_) {
      if (!labels_.contains(label)) return Invalid("crit names what is not there");
    }
    return absl::OkStatus();
  }

  absl::Status ReadUnprotected(CborReader& reader) {
    return ReadMap(reader, &HeaderReader::ReadUnprotectedValue);
  }

  Header Take() { return std::move(header_); }

 private:
  using ReadValue = absl::Status (HeaderReader::*)(const std::string& label, CborReader& reader);

  absl::Status ReadMap(CborReader& reader, ReadValue read) {
    const std::optional<Item> map = reader.Next();
    if (!map.has_value() || map->kind != Kind::kMap) return Invalid("a header is no map");
    if (map->number > kMostHeaders) return Invalid("a header has more than 64 labels");
    for (std::uint64_t i = 0; i < map->number; ++i) {
      const std::optional<std::string> label = LabelOf(reader.Next());
      if (!label.has_value()) return Invalid("a header has no label");
      if (!labels_.insert(*label).second) return Invalid("a header is there twice");
      RETURN_IF_ERROR((this->*read)(*label, reader));
    }
    return absl::OkStatus();
  }

  absl::Status ReadProtectedValue(const std::string& label, CborReader& reader) {
    if (label == LabelOf(kAlg)) return ReadAlg(reader);
    if (label == LabelOf(kCrit)) return ReadCritical(reader);
    if (label == LabelOf(kKid)) return ReadKid(reader);
    if (label == LabelOf(kClaims)) return ReadClaims(reader);
    return SkipValue(reader);
  }

  // Whoever passes a message on can change what is here: of a key's name no harm comes.
  absl::Status ReadUnprotectedValue(const std::string& label, CborReader& reader) {
    if (label == LabelOf(kKid)) return ReadKid(reader);
    // An alg is in the protected header already, or the message has been refused.
    if (label == LabelOf(kCrit) || label == LabelOf(kClaims)) {
      return Invalid("crit and claims have to be protected");
    }
    return SkipValue(reader);
  }

  absl::Status ReadAlg(CborReader& reader) {
    const std::optional<Item> item = reader.Next();
    const bool is_alg = item.has_value() && LabelOf(item).has_value();
    if (!is_alg) return Invalid("alg is neither a number nor a text");
    header_.alg = AlgOf(*item);
    return absl::OkStatus();
  }

  absl::Status ReadKid(CborReader& reader) {
    const std::optional<Item> item = reader.Next();
    if (!item.has_value() || item->kind != Kind::kBytes) return Invalid("kid is no bytes");
    header_.kid = item->text;
    return absl::OkStatus();
  }

  absl::Status ReadCritical(CborReader& reader) {
    const std::optional<Item> list = reader.Next();
    if (!list.has_value() || list->kind != Kind::kArray || list->number == 0) {
      return Invalid("crit is no list of labels");
    }
    for (std::uint64_t i = 0; i < list->number; ++i) {
      std::optional<std::string> label = LabelOf(reader.Next());
      if (!label.has_value()) return Invalid("crit is no list of labels");
      if (label != LabelOf(kAlg) && label != LabelOf(kKid) && label != LabelOf(kClaims)) {
        return Invalid("crit names what is not understood here");
      }
      if (!critical_.insert(*std::move(label)).second) return Invalid("crit repeats itself");
    }
    return absl::OkStatus();
  }

  absl::Status ReadClaims(CborReader& reader) {
    const std::optional<Item> map = reader.Next();
    if (!map.has_value() || map->kind != Kind::kMap) return Invalid("the claims are no map");
    std::set<std::string> claims;
    for (std::uint64_t i = 0; i < map->number; ++i) {
      std::optional<std::string> label = LabelOf(reader.Next());
      if (!label.has_value() || !claims.insert(*label).second || claims.size() > kMostHeaders) {
        return Invalid("the claims are no map of different labels");
      }
      if (label == LabelOf(kIssuedAt)) {
        const std::optional<Item> time = reader.Next();
        const bool fits =
            time.has_value() && time->kind == Kind::kUnsigned && time->number <= kLargestTime;
        if (!fits) return Invalid("iat is no number of seconds");
        header_.iat = static_cast<std::int64_t>(time->number);
      } else {
        RETURN_IF_ERROR(SkipValue(reader));
      }
    }
    return absl::OkStatus();
  }

  static absl::Status SkipValue(CborReader& reader) {
    if (!reader.Skip()) return Invalid("a header is cut off or not well-formed");
    return absl::OkStatus();
  }

  Header header_;
  std::set<std::string> labels_;
  std::set<std::string> critical_;
};

}  // namespace

absl::StatusOr<std::string> ProtectedHeader(const Header& header) {
  const auto* const alg =
      std::ranges::find_if(kAlgs, [&](const NamedAlg& known) { return known.name == header.alg; });
  if (alg == kAlgs.end()) {
    return Error(Reason::kAlgorithmUnsupported, "COSE has no number for this algorithm here");
  }
  std::string map;
  AppendHead(map, cbor_encode_map_start,
             std::size_t{1} + (header.kid.empty() ? 0 : 1) + (header.iat.has_value() ? 1 : 0));
  AppendInteger(map, kAlg);
  AppendInteger(map, alg->number);
  if (!header.kid.empty()) {
    AppendInteger(map, kKid);
    AppendBytes(map, header.kid);
  }
  if (header.iat.has_value()) {
    AppendInteger(map, kClaims);
    AppendHead(map, cbor_encode_map_start, std::size_t{1});
    AppendInteger(map, kIssuedAt);
    AppendInteger(map, *header.iat);
  }
  return map;
}

std::string SigningInput(std::string_view protected_header, std::string_view external_aad,
                         std::string_view payload) {
  std::string input;
  AppendHead(input, cbor_encode_array_start, std::size_t{4});
  AppendText(input, "Signature1");
  AppendBytes(input, protected_header);
  AppendBytes(input, external_aad);
  AppendBytes(input, payload);
  return input;
}

std::string ToCbor(const Sign1& message) {
  std::string cbor;
  AppendHead(cbor, cbor_encode_tag, kSign1Tag);
  AppendHead(cbor, cbor_encode_array_start, std::size_t{4});
  AppendBytes(cbor, message.protected_header);
  AppendHead(cbor, cbor_encode_map_start, std::size_t{0});
  if (message.payload.has_value()) {
    AppendBytes(cbor, *message.payload);
  } else {
    cbor.push_back(kNil);
  }
  AppendBytes(cbor, message.signature);
  return cbor;
}

absl::StatusOr<Sign1> ParseSign1(std::string_view cbor) {
  CborReader reader(cbor);
  std::optional<Item> item = reader.Next();
  if (item.has_value() && item->kind == Kind::kTag && item->number == kSign1Tag) {
    item = reader.Next();
  }
  if (!item.has_value() || item->kind != Kind::kArray || item->number != 4) {
    return Invalid("not an array of four");
  }
  Sign1 message;
  HeaderReader headers;
  item = reader.Next();
  if (!item.has_value() || item->kind != Kind::kBytes) {
    return Invalid("the protected header is no bytes");
  }
  message.protected_header = item->text;
  RETURN_IF_ERROR(headers.ReadProtected(item->text));
  RETURN_IF_ERROR(headers.ReadUnprotected(reader));
  message.header = headers.Take();

  item = reader.Next();
  if (item.has_value() && item->kind == Kind::kBytes) {
    message.payload = std::string(item->text);
  } else if (!item.has_value() || item->kind != Kind::kNull) {
    return Invalid("the payload is neither bytes nor nil");
  }
  item = reader.Next();
  if (!item.has_value() || item->kind != Kind::kBytes || item->text.empty()) {
    return Invalid("the signature is no bytes");
  }
  message.signature = item->text;
  if (!reader.AtEnd()) return Invalid("something comes after it");
  return message;
}

}  // namespace keysvc::cose
