#include "keysvc/keys/presented_cose.h"

#include <cstddef>
#include <utility>

#include "cose/sign1.h"
#include "keysvc/keys/cose_signature.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

// A payload of 64 KiB with headers and signature.
constexpr std::size_t kLongestSign1 = std::size_t{68} * 1024;

}  // namespace

PresentedCose::PresentedCose(std::string cose_sign1, std::optional<std::string> payload,
                             std::string external_aad)
    : cose_sign1_(std::move(cose_sign1)),
      payload_(std::move(payload)),
      external_aad_(std::move(external_aad)) {}

absl::StatusOr<std::string_view> PresentedCose::AlgOf(const KeyParameters& parameters) const {
  return CoseAlgOf(parameters);
}

absl::StatusOr<PresentedSignature::Claims> PresentedCose::Read() const {
  if (cose_sign1_.empty()) {
    return Error(Reason::kFieldRequired, "the message is required", "cose_sign1");
  }
  if (cose_sign1_.size() > kLongestSign1) {
    return Error(Reason::kMessageTooLarge, "the message is longer than 68 KiB", "cose_sign1");
  }
  RETURN_IF_ERROR(CheckExternalAad(external_aad_));
  ASSIGN_OR_RETURN(cose::Sign1 message, cose::ParseSign1(cose_sign1_));
  ASSIGN_OR_RETURN(const std::string payload, SignedPayload(message.payload, payload_));
  return Claims{.key_id = std::move(message.header.kid),
                .alg = std::move(message.header.alg),
                .input = cose::SigningInput(message.protected_header, external_aad_, payload),
                .signatures = {std::move(message.signature)},
                .issue_time = message.header.iat,
                .told_by_input = true};
}

}  // namespace keysvc::keys
