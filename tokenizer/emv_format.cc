#include "tokenizer/emv_format.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/civil_time.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/issuer_ranges.h"
#include "tokenizer/pan.h"

namespace keysvc::tokenizer {
namespace {

constexpr std::size_t kShortestPrefix = 6;  // of an issuer identification number
constexpr std::size_t kLongestPrefix = 12;
constexpr std::size_t kShortestToken = 13;
// As few as FF1 may permute.
constexpr std::size_t kFewestRandomDigits = 6;
constexpr std::size_t kRequestorIdSize = 11;
constexpr std::size_t kShortestAttestation = 20;
constexpr std::size_t kLongestAttestation = 200;
constexpr std::ptrdiff_t kMostDigitsInText = 11;  // as in a name: no card number
constexpr unsigned kMostMonths = 120;
constexpr std::string_view kFormatAndRange = "emv 1 range=";

absl::Status Invalid(std::string_view what) { return Error(Reason::kConfigInvalid, what); }

bool AreDigits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

}  // namespace

absl::Status IssuedRange::Check() const {
  if (!AreDigits(prefix) || prefix.size() < kShortestPrefix || prefix.size() > kLongestPrefix) {
    return Invalid("the prefix of an issued range is 6 to 12 digits");
  }
  if (length < kShortestToken || length > kLongestPan) {
    return Invalid("the numbers of an issued range have 13 to 19 digits");
  }
  if (length < prefix.size() + kFewestRandomDigits + 1) {
    return Invalid(
        "an issued range leaves at least six digits, 10^6 numbers, between prefix and check digit");
  }
  const std::string_view issuer = IssuerOf(prefix);
  if (issuer.empty()) return absl::OkStatus();
  return Invalid(
      absl::StrCat("the issued range overlaps one that is reserved: ", std::string(issuer)));
}

bool IssuedRange::Contains(std::string_view digits) const {
  return digits.size() == length && digits.starts_with(prefix) && AreDigits(digits);
}

bool IssuedRange::Overlaps(const IssuedRange& other) const {
  return length == other.length &&
         (prefix.starts_with(other.prefix) || other.prefix.starts_with(prefix));
}

absl::Status EmvFormat::Check() const {
  RETURN_IF_ERROR(range.Check());
  const bool printable = std::all_of(attestation.begin(), attestation.end(), absl::ascii_isprint);
  const std::ptrdiff_t digits =
      std::count_if(attestation.begin(), attestation.end(), absl::ascii_isdigit);
  if (!printable || digits > kMostDigitsInText || attestation.size() < kShortestAttestation ||
      attestation.size() > kLongestAttestation) {
    return Invalid(
        "an attestation is 20 to 200 printable ASCII characters, at most 11 of them digits");
  }
  if (!AreDigits(token_requestor_id) || token_requestor_id.size() != kRequestorIdSize) {
    return Invalid("a token requestor id is 11 digits");
  }
  if (months_valid < 1 || months_valid > kMostMonths) {
    return Invalid("EMV tokens are valid for 1 to 120 months after that of their making");
  }
  return absl::OkStatus();
}

Expiry EmvFormat::ExpiryOf(absl::Time created) const {
  const absl::CivilMonth last = absl::ToCivilMonth(created, absl::UTCTimeZone()) + months_valid;
  return {static_cast<std::uint16_t>(last.year()), static_cast<std::uint8_t>(last.month())};
}

std::string EmvFormat::ToString() const {
  return absl::StrCat(ToAbsl(kFormatAndRange), range.prefix, "/", range.length,
                      " requestor=", token_requestor_id, " months=", months_valid,
                      " attestation=", attestation);
}

std::optional<IssuedRange> IssuedRangeOf(std::string_view token_format) {
  if (!token_format.starts_with(kFormatAndRange)) return std::nullopt;
  token_format.remove_prefix(kFormatAndRange.size());
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(ToAbsl(token_format.substr(0, token_format.find(' '))), '/');
  IssuedRange range{.prefix = parts.first};
  if (!absl::SimpleAtoi(parts.second, &range.length)) return std::nullopt;
  return range;
}

absl::Time EndOf(const Expiry& month) {
  return absl::FromCivil(absl::CivilMonth(month.year, month.month) + 1, absl::UTCTimeZone());
}

}  // namespace keysvc::tokenizer
