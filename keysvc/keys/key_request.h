// What a change of keys asks for, before it is known what keys there are.
#ifndef KEYSVC_KEYSVC_KEYS_KEY_REQUEST_H_
#define KEYSVC_KEYSVC_KEYS_KEY_REQUEST_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "keysvc/keys/key_name.h"
#include "keysvc/keys/key_parameters.h"
#include "pkcs11/hsm.h"

namespace keysvc::keys {

// What a partner has made and wrapped, to become a key's next version.
struct KeyImport {
  KeyName name;
  KeyParameters parameters;
  KeyVersionName import_key;  // version 0: the primary one
  pkcs11::WrappedSecret secret;
};

// Certificates for a version of a key pair, and what the directory that publishes them calls it by.
struct CertificateAttachment {
  KeyVersionName name;  // version 0: the primary one
  std::string pem;      // the key's own certificate and then those of its issuers
  std::string kid;      // empty: as it is called already
};

// All that it asks for, in canonical form (docs/formats.md). `action` is what its record calls it;
// `parameters` are those of a key to create, else null.
std::string RequestText(std::string_view action, const KeyName& name,
                        const KeyParameters* parameters);
// The same of certificates to attach.
std::string RequestText(std::string_view action, const CertificateAttachment& attachment);
// The same of a secret to import.
std::string RequestText(std::string_view action, const KeyImport& import);

// INVALID_ARGUMENT/FIELD_INVALID for an id that the service uses itself, a purpose whose keys it
// makes itself, and parameters that do not go together.
absl::Status CheckCreatable(const KeyName& name, const KeyParameters& parameters);

// INVALID_ARGUMENT/FIELD_INVALID also for keys that are not shared, which nobody else has, and for
// an import key of another tenant, field "import_key".
absl::Status CheckImportable(const KeyImport& import);

// FAILED_PRECONDITION/KEY_NOT_ROTATABLE for keys whose outputs would have to be rewritten first.
absl::Status CheckRotatable(Purpose purpose);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_KEY_REQUEST_H_
