// What a change of keys asks for, before it is known what keys there are.
#ifndef KEYSVC_KEYSVC_KEYS_KEY_REQUEST_H_
#define KEYSVC_KEYSVC_KEYS_KEY_REQUEST_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "keysvc/keys/key_name.h"
#include "keysvc/keys/key_parameters.h"

namespace keysvc::keys {

// All that it asks for, in canonical form (docs/formats.md). `action` is what its record calls it;
// `parameters` are those of a key to create, else null.
std::string RequestText(std::string_view action, const KeyName& name,
                        const KeyParameters* parameters);
// The same of certificates for a version (0: the primary one).
std::string RequestText(std::string_view action, const KeyVersionName& name, std::string_view pem);

// INVALID_ARGUMENT/FIELD_INVALID for an id that the service uses itself, a purpose whose keys it
// makes itself, and parameters that do not go together.
absl::Status CheckCreatable(const KeyName& name, const KeyParameters& parameters);

// FAILED_PRECONDITION/KEY_NOT_ROTATABLE for keys whose outputs would have to be rewritten first.
absl::Status CheckRotatable(Purpose purpose);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_KEY_REQUEST_H_
