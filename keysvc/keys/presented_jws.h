#ifndef KEYSVC_KEYSVC_KEYS_PRESENTED_JWS_H_
#define KEYSVC_KEYSVC_KEYS_PRESENTED_JWS_H_

#include <optional>
#include <string>
#include <string_view>

#include "keysvc/keys/open_banking_header.h"
#include "keysvc/keys/presented_signature.h"

namespace keysvc::keys {

// A JWS in compact form: by keys of the purpose jws.
class PresentedJws : public PresentedSignature {
 public:
  // `payload` of a detached JWS, and of no other. With `open_banking` its header has to have these
  // of Open Banking's parameters, critical, and the time among them.
  PresentedJws(std::string jws, std::optional<std::string> payload,
               std::optional<OpenBankingHeader> open_banking = std::nullopt);

  std::string_view method() const override { return "SigningService.VerifyJws"; }
  absl::StatusOr<std::string_view> AlgOf(const KeyParameters& parameters) const override;
  // Refuses what is no JWS or more than 96 KiB, or has to be understood and is not (`crit`); a
  // payload that is there twice, or not at all; and an `open_banking` as CheckOpenBankingHeader
  // does.
  absl::StatusOr<Claims> Read() const override;

 private:
  const std::string jws_;
  const std::optional<std::string> payload_;
  const std::optional<OpenBankingHeader> open_banking_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_PRESENTED_JWS_H_
