#include "tokenizer/imported_token.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "crypto/bytes.h"
#include "crypto/secret_access.h"
#include "status/reason.h"
#include "tokenizer/drawn_token.h"
#include "tokenizer/external_token.h"

namespace keysvc::tokenizer {
namespace {

// Whatever stands between its digits.
bool HoldsNumberOf(const Pan& pan, std::string_view token) {
  std::string digits;
  std::copy_if(token.begin(), token.end(), std::back_inserter(digits),
               [](char c) { return c >= '0' && c <= '9'; });
  return digits.find(crypto::AsText(pan.Expose(crypto::SecretAccess::kGranted))) !=
         std::string::npos;
}

}  // namespace

absl::Status CheckImportedToken(const Profile& profile, const CardData& card,
                                std::string_view token) {
  const auto refuse = [](std::string_view why) {
    return Error(Reason::kFieldInvalid, why, "token");
  };
  if (token.empty()) return absl::OkStatus();
  switch (profile.family) {
    case Family::kExternal:
      if (IsExternalToken(token) && !HoldsNumberOf(card.pan, token)) return absl::OkStatus();
      return refuse(
          "8 to 64 letters, digits, \".\", \"_\" and \"-\" are expected that cannot be taken for a "
          "card number");
    case Family::kNumeric:
      if (MayBeDrawn(profile, token) && KeepsDigitsOf(card.pan, token)) return absl::OkStatus();
      return refuse(
          "a numeric token has as many digits as the card, its last four, and a wrong Luhn sum");
    case Family::kOpaque:
    case Family::kEmv:
    case Family::kFf1:
      break;
  }
  return refuse("tokens of this family are made here alone");
}

}  // namespace keysvc::tokenizer
