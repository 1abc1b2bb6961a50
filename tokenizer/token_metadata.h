// Facts that are kept with a token and read without its card: an order, a shop, a day. A profile
// says which there are and of which type, so that no card number is among them.
#ifndef KEYSVC_TOKENIZER_TOKEN_METADATA_H_
#define KEYSVC_TOKENIZER_TOKEN_METADATA_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "store/token_metadata.h"

namespace keysvc::tokenizer {

// Eleven digits: a card number has more.
inline constexpr std::uint64_t kLargestInteger = 99'999'999'999;

enum class MetadataType {
  kWord,     // one of a few that the profile lists
  kUuid,     // RFC 9562, in its usual spelling; kept in lower case
  kInteger,  // decimal, without a sign and leading zeros
  kDate,     // YYYY-MM-DD, of the calendar
};

// One of the facts that a profile's tokens may have.
struct MetadataField {
  std::string name;
  MetadataType type = MetadataType::kWord;
  std::vector<std::string> values = {};  // of the type kWord
  std::uint64_t min = 0;                 // of the type kInteger, both included
  std::uint64_t max = kLargestInteger;
  bool required = false;  // no token is made without

  // INVALID_ARGUMENT/CONFIG_INVALID unless the name is a policy::IsName() of at most 32 characters,
  // and a word has values, at most 64 different names, or an integer a range of 0 to
  // kLargestInteger.
  absl::Status Check() const;
  // The spelling in which the value is kept. INVALID_ARGUMENT/FIELD_INVALID, naming the field below
  // `parent`, for what is no such value; a UUID is none where some of its groups together begin, or
  // its last digits are, a card number of a known issuer: of one random UUID in 2,300 they are.
  absl::StatusOr<std::string> Canonical(std::string_view value, std::string_view parent) const;
};

// INVALID_ARGUMENT/CONFIG_INVALID unless each passes its Check(), their names differ and they are
// at most 8.
absl::Status CheckFields(const std::vector<MetadataField>& fields);

// Of a profile, and so of a token.
constexpr std::size_t kMostFields = 8;

using TokenMetadata = std::vector<store::MetadataValue>;

// The metadata that a token is made with: what is stated, canonical and in the order of the fields'
// names. INVALID_ARGUMENT/FIELD_INVALID, also for a field that the profile has not or that is there
// twice ("metadata" alone is named then), or FIELD_REQUIRED.
absl::StatusOr<TokenMetadata> CanonicalMetadata(const TokenMetadata& stated,
                                                const std::vector<MetadataField>& fields);

// Values that tokens are to have, all of them, likewise; none is required. Fields below "filter".
absl::StatusOr<TokenMetadata> CanonicalFilter(const TokenMetadata& stated,
                                              const std::vector<MetadataField>& fields);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_TOKEN_METADATA_H_
