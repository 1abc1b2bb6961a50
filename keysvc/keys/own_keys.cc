#include "keysvc/keys/own_keys.h"

#include <string>

namespace keysvc::keys {

KeyName TokenKeyOf(std::string_view tenant) { return {std::string(tenant), "token"}; }
KeyName RowMacKeyOf(std::string_view tenant) { return {std::string(tenant), "row-mac"}; }
KeyName RequestKeyOf(std::string_view tenant) { return {std::string(tenant), "request"}; }
KeyName FingerprintKeyOf(std::string_view tenant) {
  return {std::string(tenant), "card-fingerprint"};
}
KeyName AccountReferenceKeyOf(std::string_view tenant) {
  return {std::string(tenant), "account-reference"};
}
KeyName DataKeyOf(const tokenizer::Profile& profile) {
  return {profile.tenant, profile.name + "-data"};
}
KeyName IndexKeyOf(const tokenizer::Profile& profile) {
  return {profile.tenant, profile.name + "-index"};
}
KeyName Ff1KeyOf(const tokenizer::Profile& profile) {
  return {profile.tenant, profile.name + "-ff1"};
}

bool IsOwnKey(std::string_view key_id) {
  return key_id == TokenKeyOf("").key || key_id == RowMacKeyOf("").key ||
         key_id == RequestKeyOf("").key || key_id == FingerprintKeyOf("").key ||
         key_id == AccountReferenceKeyOf("").key || key_id.ends_with("-data") ||
         key_id.ends_with("-index") || key_id.ends_with("-ff1");
}

}  // namespace keysvc::keys
