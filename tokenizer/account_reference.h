#ifndef KEYSVC_TOKENIZER_ACCOUNT_REFERENCE_H_
#define KEYSVC_TOKENIZER_ACCOUNT_REFERENCE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "crypto/mac.h"
#include "tokenizer/held_keys.h"
#include "tokenizer/pan.h"
#include "tokenizer/profile.h"

namespace keysvc::tokenizer {

// What all tokens of a card have in common, whatever their profiles, after the Payment Account
// Reference of EMV payment tokenisation without claiming to be one. 29 characters: the 4 of the
// issuer, and 25 letters A to P, four bits each, over the first 100 bits of HMAC-SHA-256 of the
// digits of the whole number under the tenant's account-reference key. Nothing leads back from it,
// nothing opens it, and with no digits but the issuer's it is never taken for the number of a card.
std::string AccountReferenceOf(const Pan& pan, std::string_view issuer,
                               const crypto::HmacSha256& key);

// The card's reference in the profile, empty where that gives none. The key's errors.
absl::StatusOr<std::string> AccountReferenceOf(const Pan& pan, const Profile& profile,
                                               HeldKeys& keys);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_ACCOUNT_REFERENCE_H_
