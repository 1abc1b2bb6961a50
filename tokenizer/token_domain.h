// Where and for what tokens may be used: what EMV payment tokenisation calls token domain
// restriction controls. Nothing here may hold a card number, since records show it.
#ifndef KEYSVC_TOKENIZER_TOKEN_DOMAIN_H_
#define KEYSVC_TOKENIZER_TOKEN_DOMAIN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace keysvc::tokenizer {

// Eleven digits: a card number has more.
inline constexpr std::uint64_t kLargestAmount = 99'999'999'999;

// An amount in minor units of its currency (ISO 4217).
struct Amount {
  std::string currency;  // three letters A-Z
  std::uint64_t minor_units = 0;
};

// Amounts of one currency; both ends are included.
struct AmountBand {
  std::string currency;
  std::uint64_t min = 0;
  std::uint64_t max = 0;

  bool Contains(const Amount& amount) const;
  bool Contains(const AmountBand& other) const;
  friend bool operator==(const AmountBand&, const AmountBand&) = default;
};

// What a profile restricts its tokens to.
struct DomainRestriction {
  std::vector<std::string> channels = {};  // empty: any
  bool merchant = false;                   // each token is one merchant's
  std::vector<AmountBand> amounts = {};    // one for each currency that is allowed; empty: any

  bool empty() const { return channels.empty() && !merchant && amounts.empty(); }
  // INVALID_ARGUMENT/CONFIG_INVALID unless the channels are names, the bands amounts of different
  // currencies, and none is there twice.
  absl::Status Check() const;
};

// What one token is restricted to, from its making on. What is empty its profile decides.
struct TokenDomain {
  std::string channel = {};
  std::string merchant = {};
  std::optional<AmountBand> amounts = std::nullopt;

  bool empty() const { return channel.empty() && merchant.empty() && !amounts.has_value(); }
  // INVALID_ARGUMENT/FIELD_INVALID, naming the field below "domain", for what is of another form: a
  // channel is a policy::IsName(), a merchant 1 to 63 letters, digits, ".", "_" and "-" with at
  // most 11 digits.
  absl::Status Check() const;
  // As records say it: "amounts=EUR:100..5000,channel=web,merchant=m-17".
  std::string ToString() const;
  friend bool operator==(const TokenDomain&, const TokenDomain&) = default;
};

// What a token is about to be used for, as the caller says.
struct TokenUse {
  std::string channel = {};
  std::string merchant = {};
  std::optional<Amount> amount = std::nullopt;

  // As TokenDomain's; fields below "use".
  absl::Status Check() const;
  // As records say it: "amount=EUR:1250,channel=web,merchant=m-17".
  std::string ToString() const;
};

// Whether a profile makes tokens of such a domain, which has passed its Check(). With `own` the
// profile's tokens have domains of their own; tokens that a card always gets, or that are computed,
// are everybody's and have none. INVALID_ARGUMENT/FIELD_REQUIRED or FIELD_INVALID, naming the
// field.
absl::Status CheckDomain(const TokenDomain& domain, const DomainRestriction& restriction, bool own);

// Whether a token of this domain may be used so: FAILED_PRECONDITION/DOMAIN_MISMATCH, naming the
// field, when it may not. What the token has not of its own, the restriction of its profile decides
// as it is now.
absl::Status CheckUse(const TokenUse& use, const TokenDomain& domain,
                      const DomainRestriction& restriction);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_TOKEN_DOMAIN_H_
