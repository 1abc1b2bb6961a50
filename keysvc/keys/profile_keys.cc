#include "keysvc/keys/profile_keys.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keysvc/keys/key_version_row.h"
#include "keysvc/keys/own_keys.h"
#include "status/reason.h"
#include "tokenizer/emv_format.h"

namespace keysvc::keys {

absl::Status ProfileChanged(const tokenizer::Profile& profile, const char* why) {
  return Error(Reason::kProfileChanged,
               absl::StrCat(profile.ResourceName(),
                            " was declared otherwise when its key was made, and ", why));
}

std::vector<tokenizer::Profile> FormerProfilesOf(const KeyRings& rings,
                                                 const tokenizer::Profiles& profiles) {
  std::vector<tokenizer::Profile> former;
  for (const auto& [name, ring] : rings.all()) {
    const Purpose purpose = ring.front().version.parameters.purpose;
    if (purpose != Purpose::kData && purpose != Purpose::kFf1) continue;
    const bool ff1 = purpose == Purpose::kFf1;
    // A key whose making was broken off made no token.
    if (ff1 && rings.FindPrimary(name) == nullptr) continue;
    const auto key_of = ff1 ? Ff1KeyOf : DataKeyOf;
    tokenizer::Profile profile{.tenant = name.tenant, .name = name.key};
    if (ff1) profile.family = tokenizer::Family::kFf1;
    const std::size_t ending = key_of({}).key.size();
    profile.name.resize(profile.name.size() - std::min(ending, profile.name.size()));
    if (key_of(profile) == name && !profiles.Find(profile.ResourceName()).ok()) {
      former.push_back(std::move(profile));
    }
  }
  return former;
}

std::vector<tokenizer::IssuedRange> IssuedRangesOf(const KeyRings& rings) {
  std::vector<tokenizer::IssuedRange> ranges;
  for (const auto& [name, ring] : rings.all()) {
    // Every version of a key has the format of the first.
    auto range = tokenizer::IssuedRangeOf(ring.front().version.parameters.token_format);
    if (range.has_value()) ranges.push_back(*std::move(range));
  }
  return ranges;
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

// Tokens outlive their profile, and under another key each would open to a card that it is not of.
absl::Status CheckFf1MarksAreNew(const KeyRings& rings, const tokenizer::Profile& profile) {
  for (const auto& [name, ring] : rings.all()) {
    if (name.tenant != profile.tenant || name == Ff1KeyOf(profile)) continue;
    for (const KeyRecord& record : ring) {
      if (!profile.ff1.SharesMarksWith(record.version.parameters.token_format)) continue;
      return Error(Reason::kConfigInvalid,
                   absl::StrCat("prefix and Luhn offset of ", profile.ResourceName(),
                                " are those of a profile which was declared before, and whose "
                                "tokens may be in use: declare others, or the name that it had"));
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
