#include "tokenizer/token_metadata.h"

#include <algorithm>
#include <cstddef>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "policy/name.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/hidden_pan.h"
#include "tokenizer/pan.h"

namespace keysvc::tokenizer {
namespace {

constexpr std::size_t kLongestName = 32;
constexpr std::size_t kMostValues = 64;
// Where the groups of a UUID begin among its 32 digits.
constexpr std::size_t kGroups[] = {0, 8, 12, 16, 20};
constexpr std::size_t kUuidDigits = 32;
// Nearly all but American Express and Diners Club have no fewer: of the shorter numbers that there
// are, too many UUIDs made at random would have one.
constexpr std::size_t kShortestUsual = 16;

absl::Status Invalid(std::string_view what) { return Error(Reason::kConfigInvalid, what); }

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

bool IsCard(std::string_view digits) {
  if (digits.size() < kShortestUsual && digits[0] != '3') return false;
  return IsPanOfKnownIssuer(digits);
}

// Where a number begins or ends that was written into a UUID, rather than drawn by chance. The
// other places are not looked at, as MayHidePan() does: a value is refused here and not replaced,
// and whoever has a UUID from elsewhere can take no other.
bool HidesCard(std::string_view digits) {
  for (std::size_t length = kShortestPanInId; length <= kLongestPan; ++length) {
    if (IsCard(digits.substr(kUuidDigits - length))) return true;
    for (const std::size_t group : kGroups) {
      if (group + length <= kUuidDigits && IsCard(digits.substr(group, length))) return true;
    }
  }
  return false;
}

std::optional<std::string> Uuid(std::string_view text) {
  if (!policy::IsUuid(text) || !policy::HasUuidVersion(text)) return std::nullopt;
  std::string canonical = absl::AsciiStrToLower(ToAbsl(text));
  std::string digits = canonical;
  std::erase(digits, '-');
  if (HidesCard(digits)) return std::nullopt;
  return canonical;
}

bool IsInteger(std::string_view text, std::uint64_t min, std::uint64_t max) {
  constexpr std::size_t kMostDigits = 11;
  std::uint64_t number = 0;
  return !text.empty() && text.size() <= kMostDigits &&
         std::all_of(text.begin(), text.end(), IsDigit) && (text.size() == 1 || text[0] != '0') &&
         absl::SimpleAtoi(ToAbsl(text), &number) && number >= min && number <= max;
}

bool IsDate(std::string_view text) {
  constexpr std::string_view kForm = "YYYY-MM-DD";
  if (text.size() != kForm.size()) return false;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] == '-' ? text[i] != '-' : !IsDigit(text[i])) return false;
  }
  const auto number = [text](std::size_t at, std::size_t size) {
    int value = 0;
    return absl::SimpleAtoi(ToAbsl(text.substr(at, size)), &value) ? value : 0;
  };
  const int month = number(5, 2);
  const int day = number(8, 2);
  const absl::CivilDay date(number(0, 4), month, day);
  return date.month() == month && date.day() == day;
}

std::string Below(std::string_view parent, std::string_view field) {
  return absl::StrCat(ToAbsl(parent), ".", ToAbsl(field));
}

// What is stated below `parent`, in the order of the fields' names.
absl::StatusOr<TokenMetadata> CanonicalValues(const TokenMetadata& stated,
                                              const std::vector<MetadataField>& fields,
                                              std::string_view parent) {
  TokenMetadata canonical;
  for (const store::MetadataValue& value : stated) {
    const auto field = std::find_if(fields.begin(), fields.end(), [&](const MetadataField& known) {
      return known.name == value.field;
    });
    // A name that nobody declared is a caller's text, which no error repeats.
    if (field == fields.end()) {
      return Error(Reason::kFieldInvalid, "the profile's tokens have no such metadata", parent);
    }
    if (std::any_of(canonical.begin(), canonical.end(),
                    [&](const auto& earlier) { return earlier.field == value.field; })) {
      return Error(Reason::kFieldInvalid, "a field is stated twice", Below(parent, field->name));
    }
    ASSIGN_OR_RETURN(std::string spelling, field->Canonical(value.value, parent));
    canonical.push_back({field->name, std::move(spelling)});
  }
  std::sort(canonical.begin(), canonical.end(),
            [](const auto& a, const auto& b) { return a.field < b.field; });
  return canonical;
}

}  // namespace

absl::Status MetadataField::Check() const {
  if (!policy::IsName(name) || name.size() > kLongestName) {
    return Invalid("a field of metadata is [a-z][a-z0-9-]{0,31} with at most 11 digits");
  }
  if (type != MetadataType::kWord && !values.empty()) {
    return Invalid("only metadata of the type word has values");
  }
  if (type == MetadataType::kWord && (values.empty() || values.size() > kMostValues)) {
    return Invalid("metadata of the type word has 1 to 64 values");
  }
  for (auto value = values.begin(); value != values.end(); ++value) {
    if (!policy::IsName(*value)) {
      return Invalid("a word is [a-z][a-z0-9-]{0,62} with at most 11 digits");
    }
    if (std::find(values.begin(), value, *value) != value) {
      return Invalid("a word is listed twice");
    }
  }
  if (min > max || max > kLargestInteger) {
    return Invalid("an integer is from min to max, at most 99999999999");
  }
  if (type != MetadataType::kInteger && (min != 0 || max != kLargestInteger)) {
    return Invalid("only metadata of the type integer has min and max");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> MetadataField::Canonical(std::string_view value,
                                                     std::string_view parent) const {
  const auto refused = [&](std::string_view what) {
    return Error(Reason::kFieldInvalid, what, Below(parent, name));
  };
  switch (type) {
    case MetadataType::kWord:
      if (std::find(values.begin(), values.end(), value) != values.end()) {
        return std::string(value);
      }
      return refused("the profile has no such word");
    case MetadataType::kUuid:
      if (std::optional<std::string> uuid = Uuid(value)) return *std::move(uuid);
      return refused("a UUID is expected, without a card number in it");
    case MetadataType::kInteger:
      if (IsInteger(value, min, max)) return std::string(value);
      return refused("an integer within the profile's range is expected");
    case MetadataType::kDate:
      if (IsDate(value)) return std::string(value);
      return refused("a date is expected, YYYY-MM-DD");
  }
  return Error(Reason::kInternal, "an unknown type of metadata");
}

absl::Status CheckFields(const std::vector<MetadataField>& fields) {
  if (fields.size() > kMostFields) return Invalid("a profile has at most 8 fields of metadata");
  for (auto field = fields.begin(); field != fields.end(); ++field) {
    RETURN_IF_ERROR(field->Check());
    if (std::any_of(fields.begin(), field,
                    [&](const MetadataField& earlier) { return earlier.name == field->name; })) {
      return Invalid("a field of metadata is there twice");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<TokenMetadata> CanonicalMetadata(const TokenMetadata& stated,
                                                const std::vector<MetadataField>& fields) {
  constexpr std::string_view kParent = "metadata";
  ASSIGN_OR_RETURN(TokenMetadata canonical, CanonicalValues(stated, fields, kParent));
  for (const MetadataField& field : fields) {
    const bool has = std::any_of(canonical.begin(), canonical.end(),
                                 [&](const auto& value) { return value.field == field.name; });
    if (field.required && !has) {
      return Error(Reason::kFieldRequired, "the profile's tokens have this metadata",
                   Below(kParent, field.name));
    }
  }
  return canonical;
}

absl::StatusOr<TokenMetadata> CanonicalFilter(const TokenMetadata& stated,
                                              const std::vector<MetadataField>& fields) {
  return CanonicalValues(stated, fields, "filter");
}

}  // namespace keysvc::tokenizer
