#ifndef KEYSVC_KEYSVC_KEYS_PRESENTED_JWS_H_
#define KEYSVC_KEYSVC_KEYS_PRESENTED_JWS_H_

#include <optional>
#include <string>
#include <string_view>

#include "keysvc/keys/presented_signature.h"

namespace keysvc::keys {

// A JWS in compact form: by keys of the purpose jws.
class PresentedJws : public PresentedSignature {
 public:
  // `payload` of a detached JWS, and of no other.
  PresentedJws(std::string jws, std::optional<std::string> payload);

  std::string_view method() const override { return "SigningService.VerifyJws"; }
  absl::StatusOr<std::string_view> AlgOf(const KeyParameters& parameters) const override;
  // Refuses what is no JWS or more than 96 KiB, or has to be understood and is not (`crit`); a
  // payload that is there twice, or not at all.
  absl::StatusOr<Claims> Read() const override;

 private:
  const std::string jws_;
  const std::optional<std::string> payload_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_PRESENTED_JWS_H_
