#include "keysvc/keys/digest_signature.h"

#include <cstdint>
#include <utility>

#include "crypto/canonical.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {

absl::StatusOr<SignatureScheme> DigestSchemeOf(const KeyParameters& parameters, RsaPadding padding,
                                               std::string_view digest) {
  RETURN_IF_ERROR(
      CheckServes(parameters.purpose, {Purpose::kSign, Purpose::kMac, Purpose::kSharedMac}));
  ASSIGN_OR_RETURN(const SignatureScheme scheme, SchemeOf(parameters, padding));
  RETURN_IF_ERROR(pkcs11::CheckDigest(scheme.mechanism, digest));
  return scheme;
}

DigestSignature::DigestSignature(std::string digest, SignatureEncoding encoding, RsaPadding padding)
    : digest_(std::move(digest)), encoding_(encoding), padding_(padding) {}

absl::Status DigestSignature::Check() const {
  if (!digest_.empty()) return absl::OkStatus();
  return Error(Reason::kFieldRequired, "the digest is required", "digest");
}

absl::Status DigestSignature::CheckFor(const KeyParameters& parameters) const {
  return DigestSchemeOf(parameters, padding_, digest_).status();
}

std::string DigestSignature::FingerprintInput(const KeyName& key) const {
  return crypto::CanonicalWriter()
      .Bytes(method())
      .U8(2)
      .Bytes(key.ToString())
      .Bytes(digest_)
      .U8(static_cast<std::uint8_t>(encoding_))
      .U8(static_cast<std::uint8_t>(padding_))
      .Take();
}

absl::StatusOr<SignatureFormat::Draft> DigestSignature::DraftFor(const KeyVersion& version,
                                                                 PublicKeys& /*public_keys*/,
                                                                 absl::Time /*now*/) const {
  ASSIGN_OR_RETURN(const SignatureScheme scheme,
                   DigestSchemeOf(version.parameters, padding_, digest_));
  return Draft{
      .scheme = scheme,
      .to_be_signed = digest_,
      .finish = [scheme, encoding = encoding_](
                    Raw raw) { return EncodeSignature(scheme, encoding, std::move(raw.front())); },
      .hashed = true};
}

}  // namespace keysvc::keys
