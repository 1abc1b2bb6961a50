#include "keysvc/keys/message_signature.h"

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "crypto/canonical.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

constexpr std::size_t kMaxMessage = std::size_t{64} * 1024;

}  // namespace

absl::Status CheckMessage(std::string_view message, std::string_view field) {
  if (message.empty()) {
    return Error(Reason::kFieldRequired, absl::StrCat("the ", ToAbsl(field), " is required"),
                 field);
  }
  if (message.size() <= kMaxMessage) return absl::OkStatus();
  return Error(Reason::kMessageTooLarge,
               absl::StrCat("the ", ToAbsl(field), " is longer than 64 KiB"), field);
}

MessageSignature::MessageSignature(std::string message, SignatureEncoding encoding,
                                   RsaPadding padding)
    : message_(std::move(message)), encoding_(encoding), padding_(padding) {}

std::string MessageSignature::FingerprintInput(const KeyName& key) const {
  return crypto::CanonicalWriter()
      .Bytes(method())
      .U8(1)
      .Bytes(key.ToString())
      .Bytes(message_)
      .U8(static_cast<std::uint8_t>(encoding_))
      .U8(static_cast<std::uint8_t>(padding_))
      .Take();
}

absl::StatusOr<SignatureFormat::Draft> MessageSignature::DraftFor(const KeyVersion& version,
                                                                  PublicKeys& /*public_keys*/,
                                                                  absl::Time /*now*/) const {
  RETURN_IF_ERROR(CheckServes(version.parameters.purpose,
                              {Purpose::kSign, Purpose::kMac, Purpose::kSharedMac}));
  ASSIGN_OR_RETURN(const SignatureScheme scheme, SchemeOf(version.parameters, padding_));
  return Draft{scheme, message_, [scheme, encoding = encoding_](Raw raw) {
                 return EncodeSignature(scheme, encoding, std::move(raw.front()));
               }};
}

}  // namespace keysvc::keys
