#include "keysvc/keys/certified_version.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "crypto/certificate_chain.h"
#include "keysvc/keys/key_version.h"
#include "keysvc/keys/public_keys.h"
#include "keysvc/keys/signature.h"
#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/hidden_pan.h"

namespace keysvc::keys {
namespace {

constexpr std::size_t kLongestKid = 128;

bool IsKid(std::string_view text) {
  return text.size() <= kLongestKid && std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                  std::string_view("-_.").find(c) != std::string_view::npos;
         });
}

absl::Status CheckKid(const KeyRings& rings, const KeyVersion& version, const std::string& kid) {
  RETURN_IF_ERROR(CheckServes(version.parameters.purpose, {Purpose::kJws}));
  if (!IsKid(kid) || tokenizer::MayHidePan(kid, tokenizer::kShortestPanInId)) {
    return Error(Reason::kFieldInvalid,
                 "a kid is at most 128 of A-Z a-z 0-9 - _ . without a card number", "kid");
  }
  for (const KeyRecord& record : *rings.Find(version.name.key)) {
    const KeyVersion& other = record.version;
    if (other.name == version.name || other.public_key.empty()) continue;
    ASSIGN_OR_RETURN(const auto half, ReadPublicHalf(other.public_key));
    if (kid == other.kid || kid == half->thumbprint) {
      return Error(Reason::kFieldInvalid, "another version of the key is called by this kid",
                   "kid");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<KeyRecord> CertifiedVersion(const KeyRings& rings,
                                           const CertificateAttachment& attachment,
                                           absl::Time now) {
  const KeyVersionName& name = attachment.name;
  const KeyRecord* found =
      name.version == 0 ? rings.FindPrimary(name.key) : rings.FindVersion(name);
  if (found == nullptr) return Error(Reason::kKeyNotFound, "no such key");
  const KeyVersion& version = found->version;
  if (!HasPublicHalf(version.parameters)) {
    return Error(Reason::kKeyPurposeMismatch, "the key has no public half to certify");
  }
  if (!IsPrepared(version)) RETURN_IF_ERROR(CheckUse(version, Use::kProcess, now));
  if (!attachment.kid.empty()) RETURN_IF_ERROR(CheckKid(rings, version, attachment.kid));
  ASSIGN_OR_RETURN(const crypto::CertificateChain chain,
                   crypto::ReadCertificateChain(attachment.pem, version.public_key, now));
  KeyRecord certified = *found;
  certified.version.certificates = crypto::ToDer(chain);
  // Who renews a certificate does not say again what the directory calls the key.
  if (!attachment.kid.empty()) certified.version.kid = attachment.kid;
  return certified;
}

}  // namespace keysvc::keys
