#include "keysvc/cli/domain_options.h"

#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "status/abseil.h"

namespace keysvc::cli {
namespace {

std::uint64_t NumberIn(std::string_view text) {
  std::uint64_t number = 0;
  if (!absl::SimpleAtoi(ToAbsl(text), &number)) {
    throw CLI::ValidationError("amounts are whole minor units of a currency, such as EUR:1250");
  }
  return number;
}

// Before and behind the first `mark`; all of it and nothing where there is none.
std::pair<std::string_view, std::string_view> SplitAt(std::string_view text,
                                                      std::string_view mark) {
  const std::size_t at = text.find(mark);
  if (at == std::string_view::npos) return {text, {}};
  return {text.substr(0, at), text.substr(at + mark.size())};
}

// The options that a domain and a use have in common.
template <typename Stated>
void AddNames(CLI::App& verb, const std::string& prefix, Stated& stated) {
  verb.add_option_function<std::string>(
          prefix + "channel", [&stated](const std::string& word) { stated.set_channel(word); },
          "The channel, where the profile restricts its tokens to some")
      ->option_text("WORD");
  verb.add_option_function<std::string>(
          prefix + "merchant", [&stated](const std::string& id) { stated.set_merchant_id(id); },
          "The merchant, where each token of the profile is for one")
      ->option_text("ID");
}

}  // namespace

bool IsStated(const google::protobuf::Message& stated) { return stated.ByteSizeLong() > 0; }

void AddDomain(CLI::App& verb, const std::string& prefix, v1::TokenDomain& domain) {
  AddNames(verb, prefix, domain);
  verb.add_option_function<std::string>(
          prefix + "amounts",
          [&domain](const std::string& text) {
            const auto [currency, band] = SplitAt(text, ":");
            const auto [min, max] = SplitAt(band, "..");
            domain.mutable_amounts()->set_currency_code(std::string(currency));
            domain.mutable_amounts()->set_min(NumberIn(min));
            domain.mutable_amounts()->set_max(NumberIn(max));
          },
          "Amounts within the profile's, in minor units [all of the profile's]")
      ->option_text("CURRENCY:MIN..MAX");
}

void AddUse(CLI::App& verb, v1::TokenUse& use) {
  AddNames(verb, "--", use);
  verb.add_option_function<std::string>(
          "--amount",
          [&use](const std::string& text) {
            const auto [currency, amount] = SplitAt(text, ":");
            use.mutable_amount()->set_currency_code(std::string(currency));
            use.mutable_amount()->set_minor_units(NumberIn(amount));
          },
          "The amount in minor units, where the profile restricts it")
      ->option_text("CURRENCY:AMOUNT");
}

}  // namespace keysvc::cli
