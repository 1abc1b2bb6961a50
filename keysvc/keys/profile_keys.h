// The keys that token profiles have, as a declaration finds them.
#ifndef KEYSVC_KEYSVC_KEYS_PROFILE_KEYS_H_
#define KEYSVC_KEYSVC_KEYS_PROFILE_KEYS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "keysvc/keys/key_name.h"
#include "keysvc/keys/key_parameters.h"
#include "keysvc/keys/key_rings.h"
#include "tokenizer/emv_format.h"
#include "tokenizer/profile.h"

namespace keysvc::keys {

// FAILED_PRECONDITION/PROFILE_CHANGED.
absl::Status ProfileChanged(
    const tokenizer::Profile& profile,
    const char* why = "its tokens could not be read: declare another profile");

// Tenant and name of every profile that was declared once and has a data key or an FF1 key, and
// that is not among `profiles`; of these the family is kFf1.
std::vector<tokenizer::Profile> FormerProfilesOf(const KeyRings& rings,
                                                 const tokenizer::Profiles& profiles);

// Every range in which a profile was ever declared to issue tokens.
std::vector<tokenizer::IssuedRange> IssuedRangesOf(const KeyRings& rings);

// CONFIG_INVALID unless the profile's issued range overlaps none that was declared once.
absl::Status CheckRangeIsNew(const KeyRings& rings, const tokenizer::Profile& profile);

// CONFIG_INVALID unless no other FF1 profile was declared once in the tenant with the profile's
// prefix and Luhn offset.
absl::Status CheckFf1MarksAreNew(const KeyRings& rings, const tokenizer::Profile& profile);

// Whether the key is there and for this. A caller's key may have the name from before it was the
// service's.
bool HasKey(const KeyRings& rings, const KeyName& name, Purpose purpose);

// Of the primary version, which is there.
std::string TokenFormatOf(const KeyRings& rings, const KeyName& name);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_PROFILE_KEYS_H_
