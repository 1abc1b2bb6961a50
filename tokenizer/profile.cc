#include "tokenizer/profile.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "policy/name.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::tokenizer {
namespace {

// Whether nothing tells the tokens of one from those of the other.
bool MayTakeTokensOf(const Profile& one, const Profile& other) {
  return one.family == Family::kFf1 && other.family == Family::kFf1 && one.tenant == other.tenant &&
         one.ff1.prefix == other.ff1.prefix && one.ff1.luhn_offset == other.ff1.luhn_offset;
}

// What the family asks of a profile by itself.
absl::Status CheckFamily(const Profile& profile) {
  switch (profile.family) {
    case Family::kOpaque:
    case Family::kNumeric:
    case Family::kExternal:
      return absl::OkStatus();
    case Family::kEmv:
      RETURN_IF_ERROR(profile.emv.Check());
      if (profile.time_to_live == absl::ZeroDuration()) return absl::OkStatus();
      return Error(Reason::kConfigInvalid,
                   "EMV tokens expire with a month: they have no time to live beside it");
    case Family::kFf1:
      RETURN_IF_ERROR(profile.ff1.Check());
      if (profile.deterministic) return absl::OkStatus();
      return Error(Reason::kConfigInvalid,
                   "FF1 makes one token per card for ever: it is always deterministic");
  }
  return Error(Reason::kInternal, "an unknown family");
}

absl::Status CheckIssuer(std::string_view issuer) {
  constexpr std::size_t kLength = 4;
  const bool of_form = std::all_of(issuer.begin(), issuer.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  });
  if (issuer.empty() || (issuer.size() == kLength && of_form)) return absl::OkStatus();
  return Error(Reason::kConfigInvalid,
               "the issuer of account references is 4 letters A-Z and digits");
}

absl::Status CheckDomainOf(const Profile& profile) {
  RETURN_IF_ERROR(profile.domain.Check());
  if (!profile.deterministic || !profile.domain.merchant) return absl::OkStatus();
  return Error(Reason::kConfigInvalid,
               "a deterministic profile has one token per card, which cannot be one merchant's");
}

absl::Status CheckMerges(const Profile& profile) {
  if (!profile.merges || (profile.deterministic && profile.family != Family::kFf1)) {
    return absl::OkStatus();
  }
  return Error(Reason::kConfigInvalid,
               "only a deterministic profile that keeps cards has tokens to merge");
}

absl::Status CheckMetadataOf(const Profile& profile) {
  RETURN_IF_ERROR(CheckFields(profile.metadata));
  if (!profile.deterministic || profile.metadata.empty()) return absl::OkStatus();
  return Error(
      Reason::kConfigInvalid,
      "a deterministic profile has one token per card for everybody, which cannot have the "
      "metadata of one caller");
}

bool HaveOtherIssuers(const Profile& one, const Profile& other) {
  return one.tenant == other.tenant && !one.account_reference_issuer.empty() &&
         !other.account_reference_issuer.empty() &&
         one.account_reference_issuer != other.account_reference_issuer;
}

absl::Status CheckNames(const Profile& profile) {
  if (!policy::IsName(profile.tenant) || !policy::IsName(profile.name)) {
    return Error(Reason::kConfigInvalid, "a token profile's tenant or name is not a name");
  }
  if (profile.number != 0) return absl::OkStatus();
  return Error(Reason::kConfigInvalid, "a token profile has the number 0");
}

bool ShareNameOrNumber(const Profile& one, const Profile& other) {
  return one.tenant == other.tenant && (one.name == other.name || one.number == other.number);
}

// Tokens that were made keep name and number taken.
absl::Status CheckRetired(const std::vector<Profile>& retired,
                          const std::vector<Profile>& declared) {
  for (auto profile = retired.begin(); profile != retired.end(); ++profile) {
    RETURN_IF_ERROR(CheckNames(*profile));
    const auto shares = [&](const Profile& other) { return ShareNameOrNumber(*profile, other); };
    if (std::any_of(declared.begin(), declared.end(), shares) ||
        std::any_of(retired.begin(), profile, shares)) {
      return Error(Reason::kConfigInvalid,
                   "a retired profile shares name or number with another one of its tenant");
    }
  }
  return absl::OkStatus();
}

bool ShareRange(const Profile& one, const Profile& other) {
  return one.family == Family::kEmv && other.family == Family::kEmv &&
         one.emv.range.Overlaps(other.emv.range);
}

}  // namespace

bool IsDrawn(Family family) {
  return family == Family::kNumeric || family == Family::kEmv || family == Family::kExternal;
}

std::string Profile::ResourceName() const {
  return absl::StrCat("tenants/", tenant, "/tokenProfiles/", name);
}

std::optional<Expiry> Profile::ExpiryOf(absl::Time created) const {
  if (family != Family::kEmv) return std::nullopt;
  return emv.ExpiryOf(created);
}

std::optional<absl::Time> Profile::EndOf(absl::Time created) const {
  if (const std::optional<Expiry> expiry = ExpiryOf(created)) return tokenizer::EndOf(*expiry);
  if (time_to_live == absl::ZeroDuration()) return std::nullopt;
  return created + time_to_live;
}

std::string Profile::AccountReferenceFormat() const {
  return absl::StrCat("account-reference 1 issuer=", account_reference_issuer);
}

std::string Profile::ComparesCardsAmong() const {
  if (!account_reference_issuer.empty()) {
    return absl::StrCat("tenants/", tenant, "/keys/account-reference");
  }
  return deterministic ? ResourceName() : std::string();
}

std::string Profile::TokenFormat() const {
  std::string format;
  if (family == Family::kEmv) format = emv.ToString();
  if (family == Family::kFf1) format = ff1.ToString();
  if (family == Family::kExternal) format = "external";
  // From the first token on, or never: nothing tells whose an older one would be.
  if (domain.merchant) absl::StrAppend(&format, format.empty() ? "" : " ", "merchant=required");
  return format;
}

absl::StatusOr<Profiles> Profiles::Create(std::vector<Profile> profiles,
                                          std::vector<Profile> retired) {
  for (auto profile = profiles.begin(); profile != profiles.end(); ++profile) {
    RETURN_IF_ERROR(CheckNames(*profile));
    if (profile->deterministic && (profile->time_to_live > absl::ZeroDuration() ||
                                   profile->uses > 0 || profile->family == Family::kEmv)) {
      return Error(Reason::kConfigInvalid,
                   "a deterministic profile has one token per card for ever: its tokens have "
                   "neither a time to live nor a number of uses, and are not of the family emv");
    }
    RETURN_IF_ERROR(CheckFamily(*profile));
    RETURN_IF_ERROR(CheckIssuer(profile->account_reference_issuer));
    RETURN_IF_ERROR(CheckDomainOf(*profile));
    RETURN_IF_ERROR(CheckMerges(*profile));
    RETURN_IF_ERROR(CheckMetadataOf(*profile));
    if (std::any_of(profiles.begin(), profile,
                    [&](const Profile& earlier) { return HaveOtherIssuers(*profile, earlier); })) {
      return Error(Reason::kConfigInvalid,
                   "the account references of a tenant have one issuer, so that all tokens of a "
                   "card share one");
    }
    if (std::any_of(profiles.begin(), profile,
                    [&](const Profile& earlier) { return ShareNameOrNumber(*profile, earlier); })) {
      return Error(Reason::kConfigInvalid, "two token profiles of a tenant share name or number");
    }
    if (std::any_of(profiles.begin(), profile,
                    [&](const Profile& earlier) { return MayTakeTokensOf(*profile, earlier); })) {
      return Error(Reason::kConfigInvalid,
                   "two FF1 profiles of a tenant share prefix and Luhn offset, and each would take "
                   "the other's tokens for its own");
    }
    if (std::any_of(profiles.begin(), profile,
                    [&](const Profile& earlier) { return ShareRange(*profile, earlier); })) {
      return Error(Reason::kConfigInvalid,
                   "the issued ranges of two EMV profiles overlap, and nobody could tell whose "
                   "token a number is");
    }
  }
  RETURN_IF_ERROR(CheckRetired(retired, profiles));
  return Profiles(std::move(profiles), std::move(retired));
}

absl::StatusOr<const Profile*> Profiles::Find(std::string_view resource_name) const {
  for (const Profile& profile : profiles_) {
    if (profile.ResourceName() == resource_name) return &profile;
  }
  return Error(Reason::kProfileNotFound, "no such token profile");
}

void Profiles::AddFormerRanges(std::vector<IssuedRange> ranges) {
  former_ranges_.insert(former_ranges_.end(), std::make_move_iterator(ranges.begin()),
                        std::make_move_iterator(ranges.end()));
}

bool Profiles::IsIssued(std::string_view number) const {
  return std::any_of(profiles_.begin(), profiles_.end(),
                     [number](const Profile& profile) {
                       return profile.family == Family::kEmv && profile.emv.range.Contains(number);
                     }) ||
         std::any_of(former_ranges_.begin(), former_ranges_.end(),
                     [number](const IssuedRange& range) { return range.Contains(number); });
}

const Profile* Profiles::Find(std::string_view tenant, std::uint16_t number) const {
  const auto found = std::find_if(profiles_.begin(), profiles_.end(), [&](const Profile& profile) {
    return profile.tenant == tenant && profile.number == number;
  });
  return found == profiles_.end() ? nullptr : &*found;
}

}  // namespace keysvc::tokenizer
