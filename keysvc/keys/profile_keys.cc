#include "keysvc/keys/profile_keys.h"

#include "absl/strings/str_cat.h"
#include "keysvc/keys/key_version_row.h"
#include "status/reason.h"
#include "tokenizer/emv_format.h"

namespace keysvc::keys {

absl::Status ProfileChanged(const tokenizer::Profile& profile, const char* why) {
  return Error(Reason::kProfileChanged,
               absl::StrCat(profile.ResourceName(),
                            " was declared otherwise when its key was made, and ", why));
}

// Numbers of a range that was declared once may be in use for as long as anybody keeps them, and
// only their own profile knows which are taken.
absl::Status CheckRangeIsNew(const KeyRings& rings, const tokenizer::Profile& profile) {
  for (const auto& [name, ring] : rings.all()) {
    for (const KeyRecord& record : ring) {
      const auto range = tokenizer::IssuedRangeOf(record.version.parameters.token_format);
      if (!range.has_value() || !profile.emv.range.Overlaps(*range)) continue;
      return Error(Reason::kConfigInvalid,
                   absl::StrCat("the issued range of ", profile.ResourceName(),
                                " overlaps that of a profile which was declared before, and whose "
                                "tokens may be in use: declare a range of its own"));
    }
  }
  return absl::OkStatus();
}

bool HasKey(const KeyRings& rings, const KeyName& name, Purpose purpose) {
  const KeyRecord* primary = rings.FindPrimary(name);
  return primary != nullptr && primary->version.parameters.purpose == purpose;
}

std::string TokenFormatOf(const KeyRings& rings, const KeyName& name) {
  return rings.FindPrimary(name)->version.parameters.token_format;
}

}  // namespace keysvc::keys
