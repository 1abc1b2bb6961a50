#include "tokenizer/issuer_ranges.h"

#include <algorithm>

namespace keysvc::tokenizer {
namespace {

struct IssuerRange {
  std::string_view first;  // as many digits as `last`
  std::string_view last;
  std::string_view issuer;
};

// A first digit is listed whole where networks share it so that no gap is sure to stay one.
constexpr IssuerRange kRanges[] = {
    {"1", "1", "UATP"},
    {"2014", "2014", "Diners Club enRoute"},
    {"2131", "2131", "JCB"},
    {"2149", "2149", "Diners Club enRoute"},
    {"2200", "2204", "Mir"},
    {"2205", "2205", "BORICA"},
    {"2221", "2720", "Mastercard"},
    {"30", "30", "Diners Club"},
    {"31", "31", "China T-Union"},
    {"34", "34", "American Express"},
    {"35", "35", "JCB, RuPay or LankaPay"},
    {"36", "36", "Diners Club"},
    {"37", "37", "American Express"},
    {"38", "39", "Diners Club"},
    {"4", "4", "Visa"},
    {"5", "5", "Mastercard, Maestro or a national network"},
    {"6", "6", "Discover, Maestro, UnionPay or a national network"},
    {"80", "80", "health cards"},
    {"81", "82", "UnionPay or RuPay"},
    {"8600", "8600", "Uzcard"},
    {"89", "89", "telecommunication cards (ITU-T E.118)"},
    {"9112", "9112", "Belkart"},
    {"9704", "9704", "Napas"},
    {"9792", "9792", "Troy"},
    {"9804", "9804", "Prostir"},
    {"9860", "9860", "Humo"},
};

}  // namespace

std::string_view IssuerOf(std::string_view prefix) {
  for (const IssuerRange& range : kRanges) {
    const std::size_t size = std::min(prefix.size(), range.first.size());
    const std::string_view digits = prefix.substr(0, size);
    if (digits >= range.first.substr(0, size) && digits <= range.last.substr(0, size)) {
      return range.issuer;
    }
  }
  return {};
}

}  // namespace keysvc::tokenizer
