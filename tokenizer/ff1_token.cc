#include "tokenizer/ff1_token.h"

#include <algorithm>
#include <span>
#include <utility>

#include "crypto/bytes.h"
#include "crypto/canonical.h"
#include "crypto/secret_bytes.h"
#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/pan.h"

namespace keysvc::tokenizer {
namespace {

using crypto::SecretAccess;

constexpr std::uint8_t kTweakFormat = 1;

absl::Status NotFound() { return Error(Reason::kTokenNotFound, "no such token"); }

// The digits that are kept are in it, so that equal digits between them become others for each
// issuer, and a list of one issuer's tokens says nothing of another's.
std::string TweakOf(const Profile& profile, std::string_view first, std::string_view last) {
  return crypto::CanonicalWriter()
      .Bytes("keysvc ff1 token")
      .U8(kTweakFormat)
      .Bytes(profile.tenant)
      .Bytes(profile.name)
      .Bytes(first)
      .Bytes(last)
      .Take();
}

// Between ASCII digits and the numerals 0 .. 9, which differ in these bits only.
void FlipDigits(std::span<std::uint8_t> digits) {
  for (std::uint8_t& digit : digits) digit = static_cast<std::uint8_t>(digit ^ '0');
}

absl::StatusOr<crypto::SecretBytes> NumeralsOf(crypto::ByteView digits) {
  ASSIGN_OR_RETURN(crypto::SecretBytes numerals, crypto::SecretBytes::CopyOf(digits));
  FlipDigits(numerals.ExposeMutable(SecretAccess::kGranted));
  return numerals;
}

}  // namespace

absl::Status CheckFf1Card(const Profile& profile, const CardData& card) {
  if (!profile.ff1.Takes(card.pan.length())) {
    return Error(Reason::kFieldInvalid, "the profile takes no cards of this length", "card.pan");
  }
  return CheckNumberAlone(card);
}

absl::StatusOr<std::string> MakeFf1Token(const Profile& profile, const Pan& pan,
                                         const crypto::Ff1& key) {
  const Ff1Format& format = profile.ff1;
  const crypto::ByteView digits = pan.Expose(SecretAccess::kGranted);
  const std::size_t size = format.PermutedDigits(digits.size());
  const std::string_view first = crypto::AsText(digits.first(format.keep_first));
  const std::string_view last = crypto::AsText(digits.last(format.keep_last));
  ASSIGN_OR_RETURN(const crypto::SecretBytes plain,
                   NumeralsOf(digits.subspan(format.keep_first, size)));
  ASSIGN_OR_RETURN(crypto::SecretBytes permuted, key.Encrypt(plain.Expose(SecretAccess::kGranted),
                                                             TweakOf(profile, first, last)));
  FlipDigits(permuted.ExposeMutable(SecretAccess::kGranted));

  std::string token = format.keep_last == 0 ? "" : "0";
  token += first;
  token += crypto::AsText(permuted.Expose(SecretAccess::kGranted));
  token += format.keep_last == 0 ? "0" : last;
  const std::span<std::uint8_t> bytes(reinterpret_cast<std::uint8_t*>(token.data()), token.size());
  SetLuhnRemainder(bytes, format.keep_last == 0 ? bytes.back() : bytes.front(), format.luhn_offset);
  return format.prefix + token;
}

absl::StatusOr<CardData> OpenFf1Token(const Profile& profile, std::string_view token,
                                      const crypto::Ff1& key) {
  const Ff1Format& format = profile.ff1;
  if (!token.starts_with(format.prefix)) return NotFound();
  token.remove_prefix(format.prefix.size());
  if (LuhnRemainder(crypto::AsBytes(token)) != format.luhn_offset) return NotFound();
  // What is left are the card's digits, but for its check digit unless that is kept.
  if (format.keep_last == 0) {
    token.remove_suffix(1);
  } else {
    token.remove_prefix(1);
  }
  const std::size_t length = token.size() + (format.keep_last == 0 ? 1 : 0);
  if (!format.Takes(length)) return NotFound();

  const std::size_t size = format.PermutedDigits(length);
  const std::string_view first = token.substr(0, format.keep_first);
  const std::string_view last = token.substr(token.size() - format.keep_last);
  ASSIGN_OR_RETURN(const crypto::SecretBytes permuted,
                   NumeralsOf(crypto::AsBytes(token.substr(format.keep_first, size))));
  ASSIGN_OR_RETURN(crypto::SecretBytes plain, key.Decrypt(permuted.Expose(SecretAccess::kGranted),
                                                          TweakOf(profile, first, last)));
  ASSIGN_OR_RETURN(crypto::SecretBytes card, crypto::SecretBytes::Create(length));
  const std::span<std::uint8_t> digits = card.ExposeMutable(SecretAccess::kGranted);
  const std::span<std::uint8_t> between = plain.ExposeMutable(SecretAccess::kGranted);
  FlipDigits(between);
  std::copy(first.begin(), first.end(), digits.begin());
  std::copy(between.begin(), between.end(), digits.subspan(first.size()).begin());
  std::copy(last.begin(), last.end(), digits.last(last.size()).begin());
  if (last.empty()) SetLuhnRemainder(digits, digits.back(), 0);
  absl::StatusOr<Pan> pan = Pan::Parse(digits);
  if (pan.ok()) return CardData{*std::move(pan), std::nullopt, {}};
  return ReasonOf(pan.status()) == Reason::kLockedMemory ? pan.status() : NotFound();
}

}  // namespace keysvc::tokenizer
