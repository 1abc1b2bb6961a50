#include "tokenizer/token_domain.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "policy/name.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::tokenizer {
namespace {

constexpr std::size_t kLongestMerchant = 63;
constexpr std::ptrdiff_t kMostDigits = 11;
constexpr std::size_t kMostChannels = 32;
constexpr std::size_t kMostBands = 200;

bool IsMerchant(std::string_view text) {
  return text.size() <= kLongestMerchant &&
         std::all_of(text.begin(), text.end(),
                     [](unsigned char c) {
                       return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
                     }) &&
         std::count_if(text.begin(), text.end(), absl::ascii_isdigit) <= kMostDigits;
}

bool IsCurrency(std::string_view text) {
  return text.size() == 3 && std::all_of(text.begin(), text.end(), absl::ascii_isupper);
}

bool IsBand(const AmountBand& band) {
  return IsCurrency(band.currency) && band.min <= band.max && band.max <= kLargestAmount;
}

std::string Below(std::string_view parent, std::string_view field) {
  return absl::StrCat(ToAbsl(parent), ".", ToAbsl(field));
}

absl::Status CheckNames(std::string_view parent, std::string_view channel,
                        std::string_view merchant) {
  if (!channel.empty() && !policy::IsName(channel)) {
    return Error(Reason::kFieldInvalid, "a channel is [a-z][a-z0-9-]{0,62} with at most 11 digits",
                 Below(parent, "channel"));
  }
  if (!IsMerchant(merchant)) {
    return Error(Reason::kFieldInvalid,
                 "a merchant is 1 to 63 letters, digits, \".\", \"_\" and \"-\", with at most 11 "
                 "digits",
                 Below(parent, "merchant_id"));
  }
  return absl::OkStatus();
}

absl::Status Invalid(std::string_view what) { return Error(Reason::kConfigInvalid, what); }

absl::Status Mismatch(std::string_view what, std::string_view field) {
  return Error(Reason::kDomainMismatch, what, field);
}

// Adds "name=value", after a comma where it is not the first.
void Append(std::string& text, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  absl::StrAppend(&text, text.empty() ? "" : ",", ToAbsl(name), "=", ToAbsl(value));
}

bool Has(const std::vector<std::string>& channels, std::string_view channel) {
  return std::find(channels.begin(), channels.end(), channel) != channels.end();
}

bool AnyContains(const std::vector<AmountBand>& bands, const auto& amounts) {
  return std::any_of(bands.begin(), bands.end(),
                     [&](const AmountBand& band) { return band.Contains(amounts); });
}

}  // namespace

bool AmountBand::Contains(const Amount& amount) const {
  return currency == amount.currency && min <= amount.minor_units && amount.minor_units <= max;
}

bool AmountBand::Contains(const AmountBand& other) const {
  return currency == other.currency && min <= other.min && other.max <= max;
}

absl::Status DomainRestriction::Check() const {
  if (channels.size() > kMostChannels || amounts.size() > kMostBands) {
    return Invalid("a domain has at most 32 channels and 200 bands of amounts");
  }
  for (auto channel = channels.begin(); channel != channels.end(); ++channel) {
    if (!policy::IsName(*channel)) {
      return Invalid("a channel is [a-z][a-z0-9-]{0,62} with at most 11 digits");
    }
    if (std::find(channels.begin(), channel, *channel) != channel) {
      return Invalid("a channel is listed twice");
    }
  }
  for (auto band = amounts.begin(); band != amounts.end(); ++band) {
    if (!IsBand(*band)) {
      return Invalid(
          "amounts are of a currency of three letters A-Z, from min to max in its minor units, at "
          "most 99999999999");
    }
    if (std::any_of(amounts.begin(), band, [&](const AmountBand& earlier) {
          return earlier.currency == band->currency;
        })) {
      return Invalid("a currency is listed twice");
    }
  }
  return absl::OkStatus();
}

absl::Status TokenDomain::Check() const {
  RETURN_IF_ERROR(CheckNames("domain", channel, merchant));
  if (!amounts.has_value() || IsBand(*amounts)) return absl::OkStatus();
  return Error(Reason::kFieldInvalid,
               "amounts are of an ISO 4217 currency, from min to max in its minor units, at most "
               "99999999999",
               "domain.amounts");
}

std::string TokenDomain::ToString() const {
  std::string text;
  if (amounts.has_value()) {
    Append(text, "amounts", absl::StrCat(amounts->currency, ":", amounts->min, "..", amounts->max));
  }
  Append(text, "channel", channel);
  Append(text, "merchant", merchant);
  return text;
}

absl::Status TokenUse::Check() const {
  RETURN_IF_ERROR(CheckNames("use", channel, merchant));
  if (!amount.has_value() ||
      (IsCurrency(amount->currency) && amount->minor_units <= kLargestAmount)) {
    return absl::OkStatus();
  }
  return Error(Reason::kFieldInvalid,
               "an amount is of an ISO 4217 currency, in its minor units, at most 99999999999",
               "use.amount");
}

std::string TokenUse::ToString() const {
  std::string text;
  if (amount.has_value()) {
    Append(text, "amount", absl::StrCat(amount->currency, ":", amount->minor_units));
  }
  Append(text, "channel", channel);
  Append(text, "merchant", merchant);
  return text;
}

absl::Status CheckDomain(const TokenDomain& domain, const DomainRestriction& restriction,
                         bool own) {
  const auto unbound = [](std::string_view field) {
    return Error(Reason::kFieldInvalid, "the profile's tokens have no such domain of their own",
                 field);
  };
  if (!domain.channel.empty() && (!own || restriction.channels.empty())) {
    return unbound("domain.channel");
  }
  if (!domain.merchant.empty() && (!own || !restriction.merchant)) {
    return unbound("domain.merchant_id");
  }
  if (domain.amounts.has_value() && (!own || restriction.amounts.empty())) {
    return unbound("domain.amounts");
  }
  if (!own) return absl::OkStatus();
  if (domain.channel.empty() && !restriction.channels.empty()) {
    return Error(Reason::kFieldRequired, "the profile's tokens are for one channel each",
                 "domain.channel");
  }
  if (domain.merchant.empty() && restriction.merchant) {
    return Error(Reason::kFieldRequired, "the profile's tokens are for one merchant each",
                 "domain.merchant_id");
  }
  if (!domain.channel.empty() && !Has(restriction.channels, domain.channel)) {
    return Error(Reason::kFieldInvalid, "the profile has no such channel", "domain.channel");
  }
  if (domain.amounts.has_value() && !AnyContains(restriction.amounts, *domain.amounts)) {
    return Error(Reason::kFieldInvalid, "the profile makes no tokens for such amounts",
                 "domain.amounts");
  }
  return absl::OkStatus();
}

absl::Status CheckUse(const TokenUse& use, const TokenDomain& domain,
                      const DomainRestriction& restriction) {
  const bool channel_fits = domain.channel.empty() ? restriction.channels.empty() ||
                                                         Has(restriction.channels, use.channel)
                                                   : use.channel == domain.channel;
  if (!channel_fits) return Mismatch("the token is not for this channel", "use.channel");
  // No profile that asks for a merchant has tokens without one: its keys are bound to it.
  const bool merchant_fits =
      domain.merchant.empty() ? !restriction.merchant : use.merchant == domain.merchant;
  if (!merchant_fits) return Mismatch("the token is not for this merchant", "use.merchant_id");
  const bool amount_fits =
      domain.amounts.has_value()
          ? use.amount.has_value() && domain.amounts->Contains(*use.amount)
          : restriction.amounts.empty() ||
                (use.amount.has_value() && AnyContains(restriction.amounts, *use.amount));
  if (!amount_fits) return Mismatch("the token is not for this amount", "use.amount");
  return absl::OkStatus();
}

}  // namespace keysvc::tokenizer
