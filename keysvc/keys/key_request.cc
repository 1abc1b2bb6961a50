#include "keysvc/keys/key_request.h"

#include <cstdint>

#include "absl/time/time.h"
#include "crypto/canonical.h"
#include "keysvc/keys/own_keys.h"
#include "policy/name.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {

std::string RequestText(std::string_view action, const KeyName& name,
                        const KeyParameters* parameters) {
  crypto::CanonicalWriter text;
  text.Bytes(action).U8(1).Bytes(name.ToString());
  if (parameters != nullptr) {
    text.Bytes(NameOf(parameters->purpose))
        .Bytes(NameOf(parameters->algorithm))
        .Bytes(NameOf(parameters->protection))
        .U64(static_cast<std::uint64_t>(absl::ToInt64Seconds(parameters->cryptoperiod)));
    // What an older build kept says nothing of these.
    if (parameters->low_s || parameters->max_signatures != 0) {
      text.U8(parameters->low_s ? 1 : 0).U64(parameters->max_signatures);
    }
  }
  return text.Take();
}

std::string RequestText(std::string_view action, const CertificateAttachment& attachment) {
  crypto::CanonicalWriter text;
  text.Bytes(action)
      .U8(1)
      .Bytes(attachment.name.key.ToString())
      .U32(attachment.name.version)
      .Bytes(attachment.pem);
  // What an older build kept says nothing of it.
  if (!attachment.kid.empty()) text.Bytes(attachment.kid);
  return text.Take();
}

std::string RequestText(std::string_view action, const KeyImport& import) {
  return crypto::CanonicalWriter()
      .Bytes(RequestText(action, import.name, &import.parameters))
      .Bytes(import.import_key.key.ToString())
      .U32(import.import_key.version)
      .Bytes(NameOf(import.secret.wrapping))
      .Bytes(import.secret.bytes)
      .Take();
}

absl::Status CheckCreatable(const KeyName& name, const KeyParameters& parameters) {
  if (!policy::IsName(name.tenant) || !policy::IsName(name.key) || IsOwnKey(name.key)) {
    return Error(Reason::kFieldInvalid, "not an id that a key may have", "key_id");
  }
  if (!IsMadeByRequest(parameters.purpose)) {
    return Error(Reason::kFieldInvalid, "keys of this purpose are made by the service", "purpose");
  }
  return CheckParameters(parameters);
}

absl::Status CheckImportable(const KeyImport& import) {
  RETURN_IF_ERROR(CheckCreatable(import.name, import.parameters));
  if (import.parameters.protection != Protection::kShared) {
    return Error(Reason::kFieldInvalid, "only keys that are shared by nature are imported",
                 "purpose");
  }
  if (import.import_key.key.tenant != import.name.tenant) {
    return Error(Reason::kFieldInvalid, "the import key is another tenant's", "import_key");
  }
  return absl::OkStatus();
}

absl::Status CheckRotatable(Purpose purpose) {
  if (purpose == Purpose::kIndex || purpose == Purpose::kRowMac || purpose == Purpose::kRequest ||
      purpose == Purpose::kFf1 || purpose == Purpose::kAccountReference) {
    return Error(Reason::kKeyNotRotatable, "what this key made would have to be rewritten first");
  }
  return absl::OkStatus();
}

}  // namespace keysvc::keys
