// The keys that the service makes for a tenant and for a token profile (docs/key_lifecycle.md).
#ifndef KEYSVC_KEYSVC_KEYS_OWN_KEYS_H_
#define KEYSVC_KEYSVC_KEYS_OWN_KEYS_H_

#include <string_view>

#include "keysvc/keys/key_name.h"
#include "tokenizer/profile.h"

namespace keysvc::keys {

KeyName TokenKeyOf(std::string_view tenant);
KeyName RowMacKeyOf(std::string_view tenant);
KeyName RequestKeyOf(std::string_view tenant);
KeyName FingerprintKeyOf(std::string_view tenant);
KeyName AccountReferenceKeyOf(std::string_view tenant);
KeyName DataKeyOf(const tokenizer::Profile& profile);
KeyName IndexKeyOf(const tokenizer::Profile& profile);  // deterministic profiles only
KeyName Ff1KeyOf(const tokenizer::Profile& profile);    // instead of both, in FF1 profiles

// Whether a key's id is one of these, of whatever tenant and profile.
bool IsOwnKey(std::string_view key_id);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_OWN_KEYS_H_
