#include "keysvc/keys/presented_message.h"

#include <cstddef>
#include <utility>

#include "keysvc/keys/message_signature.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

constexpr std::size_t kLongestSignature = 1024;

}  // namespace

absl::Status CheckBareSignature(std::string_view signature) {
  if (signature.empty()) {
    return Error(Reason::kFieldRequired, "the signature is required", "signature");
  }
  if (signature.size() <= kLongestSignature) return absl::OkStatus();
  return Error(Reason::kFieldInvalid, "the signature is longer than 1 KiB", "signature");
}

PresentedMessage::PresentedMessage(std::string message, std::string signature,
                                   SignatureEncoding encoding, RsaPadding padding)
    : message_(std::move(message)),
      signature_(std::move(signature)),
      encoding_(encoding),
      padding_(padding) {}

absl::StatusOr<std::string_view> PresentedMessage::AlgOf(const KeyParameters& parameters) const {
  RETURN_IF_ERROR(
      CheckServes(parameters.purpose, {Purpose::kSign, Purpose::kMac, Purpose::kSharedMac}));
  ASSIGN_OR_RETURN(const SignatureScheme scheme, SchemeOf(parameters, padding_));
  return scheme.name;
}

absl::StatusOr<PresentedSignature::Claims> PresentedMessage::Read() const {
  RETURN_IF_ERROR(CheckMessage(message_, "message"));
  RETURN_IF_ERROR(CheckBareSignature(signature_));
  return Claims{
      .input = message_, .signatures = {signature_}, .encoding = encoding_, .padding = padding_};
}

}  // namespace keysvc::keys
