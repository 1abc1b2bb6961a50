#ifndef KEYSVC_KEYSVC_KEYS_PRESENTED_COSE_H_
#define KEYSVC_KEYSVC_KEYS_PRESENTED_COSE_H_

#include <optional>
#include <string>
#include <string_view>

#include "keysvc/keys/presented_signature.h"

namespace keysvc::keys {

// A COSE_Sign1 (cose/sign1.h): by keys of the purpose cose.
class PresentedCose : public PresentedSignature {
 public:
  // `payload` of a detached one, and of no other.
  PresentedCose(std::string cose_sign1, std::optional<std::string> payload,
                std::string external_aad);

  std::string_view method() const override { return "SigningService.VerifyCose"; }
  absl::StatusOr<std::string_view> AlgOf(const KeyParameters& parameters) const override;
  // Refuses what is no COSE_Sign1 or more than 68 KiB, or has to be understood and is not (`crit`);
  // a payload that is there twice, or not at all; more than 1 KiB of external data.
  absl::StatusOr<Claims> Read() const override;

 private:
  const std::string cose_sign1_;
  const std::optional<std::string> payload_;
  const std::string external_aad_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_PRESENTED_COSE_H_
