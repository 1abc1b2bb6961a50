#include "keysvc/keys/open_banking_header.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "status/reason.h"
#include "tokenizer/hidden_pan.h"

namespace keysvc::keys {
namespace {

constexpr std::size_t kLongestIssuer = 256;
constexpr std::size_t kLongestTrustAnchor = 253;  // a domain name

bool IsIssuer(const std::string& text) {
  return text.size() <= kLongestIssuer && std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isprint(static_cast<unsigned char>(c));
         });
}

bool IsTrustAnchor(const std::string& text) {
  return text.size() <= kLongestTrustAnchor && std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_islower(static_cast<unsigned char>(c)) ||
                  absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '-' || c == '.';
         });
}

}  // namespace

absl::Status CheckOpenBankingHeader(const OpenBankingHeader& header) {
  constexpr char kIssuer[] = "open_banking.issuer";
  constexpr char kTrustAnchor[] = "open_banking.trust_anchor";
  if (header.issuer.empty())
    return Error(Reason::kFieldRequired, "the issuer is required", kIssuer);
  if (!IsIssuer(header.issuer) ||
      tokenizer::MayHidePan(header.issuer, tokenizer::kShortestPanInId)) {
    return Error(Reason::kFieldInvalid,
                 "an issuer is at most 256 of visible ASCII and space, without a card number",
                 kIssuer);
  }
  if (header.trust_anchor.empty()) {
    return Error(Reason::kFieldRequired, "the trust anchor is required", kTrustAnchor);
  }
  if (!IsTrustAnchor(header.trust_anchor) ||
      tokenizer::MayHidePan(header.trust_anchor, tokenizer::kShortestPanInId)) {
    return Error(Reason::kFieldInvalid,
                 "a trust anchor is a domain of at most 253 of a-z 0-9 - . without a card number",
                 kTrustAnchor);
  }
  return absl::OkStatus();
}

}  // namespace keysvc::keys
