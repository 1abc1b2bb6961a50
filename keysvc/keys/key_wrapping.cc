#include "keysvc/keys/key_wrapping.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "crypto/canonical.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::uint8_t kAes256GcmInHsm = 1;
constexpr std::size_t kHeaderSize = 1 + 1 + 4;

std::string HeaderFor(std::uint32_t kek_version) {
  return crypto::CanonicalWriter().U8(kFormat).U8(kAes256GcmInHsm).U32(kek_version).Take();
}

// The header is authenticated with the context, so that no part of a blob can be changed alone.
std::string AadFor(std::string_view header, std::string_view context) {
  return crypto::CanonicalWriter().Bytes(header).Bytes(context).Take();
}

absl::Status Damaged() {
  return Error(Reason::kIntegrityFailure, "a wrapped key does not authenticate");
}

absl::StatusOr<std::uint32_t> ReadHeader(std::string_view header) {
  crypto::CanonicalReader reader(header);
  ASSIGN_OR_RETURN(const std::uint8_t format, reader.U8());
  ASSIGN_OR_RETURN(const std::uint8_t algorithm, reader.U8());
  ASSIGN_OR_RETURN(const std::uint32_t kek_version, reader.U32());
  if (format != kFormat || algorithm != kAes256GcmInHsm) return Damaged();
  return kek_version;
}

}  // namespace

KeyWrapping::KeyWrapping(pkcs11::Hsm& hsm, std::string label_prefix, std::uint32_t kek_version,
                         const crypto::RecoveryCertificate* recovery)
    : hsm_(hsm),
      label_prefix_(std::move(label_prefix)),
      kek_version_(kek_version),
      recovery_(recovery) {}

absl::StatusOr<std::string> KeyWrapping::Wrap(const crypto::SecretBytes& key,
                                              std::string_view context) {
  std::string blob = HeaderFor(kek_version_);
  ASSIGN_OR_RETURN(const std::string wrapped,
                   hsm_.Wrap(KekLabel(kek_version_), key.Expose(crypto::SecretAccess::kGranted),
                             AadFor(blob, context)));
  return blob + wrapped;
}

absl::StatusOr<crypto::SecretBytes> KeyWrapping::Unwrap(std::string_view blob,
                                                        std::string_view context) {
  if (blob.size() <= kHeaderSize) return Damaged();
  const std::string_view header = blob.substr(0, kHeaderSize);
  ASSIGN_OR_RETURN(const std::uint32_t version, ReadHeader(header));
  if (version == 0 || version > kek_version_) return Damaged();
  auto key = hsm_.Unwrap(KekLabel(version), blob.substr(kHeaderSize), AadFor(header, context));
  // To a caller, the lack of a key-encryption key is lost data and not a resource that is unknown.
  if (ReasonOf(key.status()) == Reason::kKeyNotFound) {
    return Error(Reason::kIntegrityFailure,
                 "the HSM lacks the key-encryption key of a wrapped key");
  }
  return key;
}

absl::StatusOr<std::string> KeyWrapping::SealForRecovery(const crypto::SecretBytes& key,
                                                         std::string_view context) const {
  if (recovery_ == nullptr) return std::string();
  return recovery_->Seal(key, context);
}

absl::StatusOr<std::uint32_t> KeyWrapping::KekVersionOf(std::string_view blob) {
  if (blob.size() <= kHeaderSize) return Damaged();
  return ReadHeader(blob.substr(0, kHeaderSize));
}

std::string KeyWrapping::KekLabel(std::uint32_t version) const {
  return absl::StrCat(label_prefix_, "/kek/v", version);
}

}  // namespace keysvc::keys
