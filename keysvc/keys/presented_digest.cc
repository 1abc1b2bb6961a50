#include "keysvc/keys/presented_digest.h"

#include <utility>

#include "keysvc/keys/digest_signature.h"
#include "keysvc/keys/presented_message.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {

PresentedDigest::PresentedDigest(std::string digest, std::string signature,
                                 SignatureEncoding encoding, RsaPadding padding)
    : digest_(std::move(digest)),
      signature_(std::move(signature)),
      encoding_(encoding),
      padding_(padding) {}

absl::StatusOr<std::string_view> PresentedDigest::AlgOf(const KeyParameters& parameters) const {
  ASSIGN_OR_RETURN(const SignatureScheme scheme, DigestSchemeOf(parameters, padding_, digest_));
  return scheme.name;
}

absl::StatusOr<PresentedSignature::Claims> PresentedDigest::Read() const {
  if (digest_.empty()) {
    return Error(Reason::kFieldRequired, "the digest is required", "digest");
  }
  RETURN_IF_ERROR(CheckBareSignature(signature_));
  return Claims{.input = digest_,
                .hashed = true,
                .signatures = {signature_},
                .encoding = encoding_,
                .padding = padding_};
}

}  // namespace keysvc::keys
