#ifndef KEYSVC_TOKENIZER_PROFILE_H_
#define KEYSVC_TOKENIZER_PROFILE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tokenizer/answer_retention.h"
#include "tokenizer/emv_format.h"
#include "tokenizer/ff1_format.h"
#include "tokenizer/token_domain.h"
#include "tokenizer/token_metadata.h"

namespace keysvc::tokenizer {

// What kind of tokens a profile makes: opaque ones, random digits, or what tokens were called where
// they were issued, whose cards are kept in rows; or digits that the card is computed from, of
// which nothing is kept.
enum class Family { kOpaque, kNumeric, kEmv, kFf1, kExternal };

// Whether the tokens say nothing by themselves, and are found by their rows alone.
bool IsDrawn(Family family);

// How a tenant's cards become tokens. Declared in the configuration.
struct Profile {
  std::string tenant;
  std::string name;
  std::uint16_t number = 0;    // 1 .. 65535, unique in the tenant, inside tokens: never changed
  bool deterministic = false;  // one token per card for ever; otherwise a new one per call
  Family family = Family::kOpaque;
  Ff1Format ff1 = {};  // of the family kFf1, which is deterministic
  EmvFormat emv = {};  // of the family kEmv, which is not
  // Of each token from its making, when the profile is not deterministic:
  absl::Duration time_to_live = absl::ZeroDuration();  // zero: it does not expire; not of kEmv
  std::uint32_t uses = 0;                              // how often it opens; 0: any number of times
  absl::Duration grace = absl::ZeroDuration();         // from its end until its card is erased
  absl::Duration keep_answers = kKeepAnswers;  // for who repeats a Tokenize with its request id
  // What the account references of the tenant's cards begin with, 4 of A-Z and 0-9, the same in all
  // of its profiles that give any; empty: this one gives none.
  std::string account_reference_issuer = {};
  // Where and for what its tokens may be used. With merchants only where it is not deterministic.
  DomainRestriction domain = {};
  // Whether a token may be updated to a card that has another token in this profile, which is
  // deterministic: that one stays the one that the card is found by.
  bool merges = false;
  // What is kept with each token beside its card. Not where it is deterministic.
  std::vector<MetadataField> metadata = {};

  std::string ResourceName() const;  // tenants/{tenant}/tokenProfiles/{name}
  // The month that a token made then expires with, of the family kEmv.
  std::optional<Expiry> ExpiryOf(absl::Time created) const;
  // When such a token ends by itself; none: it does not.
  std::optional<absl::Time> EndOf(absl::Time created) const;
  // Whether each token has a domain of its own, as far as the profile restricts it.
  bool HasOwnDomains() const { return !deterministic && !domain.empty(); }
  // What the key that makes the tokens, or seals their cards, is bound to (docs/formats.md).
  std::string TokenFormat() const;
  // What the key that makes the account references is bound to.
  std::string AccountReferenceFormat() const;
  // Among what a card is compared when its answers tell whether it is another one: by a token that
  // it always gets, or by its account reference, which it has in other profiles too. Empty where
  // they do not tell.
  std::string ComparesCardsAmong() const;
};

// Every profile of the service. Immutable once it is used; thread-safe then.
class Profiles {
 public:
  // INVALID_ARGUMENT/CONFIG_INVALID for two profiles of a tenant with one name or number, for the
  // number 0, for what is no name, for a deterministic one whose tokens end, and for an FF1 profile
  // that is not deterministic, whose format does not pass its Check(), or whose prefix and Luhn
  // offset are another one's of the tenant; for an EMV profile with a time to live, whose format
  // does not pass its Check(), or whose range overlaps that of another, of whatever tenant; for an
  // issuer of account references that is not of its form or another than before in the tenant; for
  // a domain that does not pass its Check(), or has merchants in a deterministic profile; for one
  // that merges and is not deterministic, or keeps no cards; for metadata that do not pass
  // CheckFields(), or of a deterministic one. Of `retired` ones, which are declared no more
  // although there may be tokens of them, only tenant, name and number count; CONFIG_INVALID for
  // what is no name, for the number 0, and for a name or number that another profile of the tenant
  // has, retired or not.
  static absl::StatusOr<Profiles> Create(std::vector<Profile> profiles,
                                         std::vector<Profile> retired = {});

  // By "tenants/../tokenProfiles/..". NOT_FOUND/PROFILE_NOT_FOUND.
  absl::StatusOr<const Profile*> Find(std::string_view resource_name) const;
  const Profile* Find(std::string_view tenant, std::uint16_t number) const;  // nullptr when unknown
  const std::vector<Profile>& all() const { return profiles_; }
  const std::vector<Profile>& retired() const { return retired_; }

  // Takes the numbers of these ranges for tokens too: of the family emv, and of profiles that need
  // not be declared any more. Before others use this.
  void AddFormerRanges(std::vector<IssuedRange> ranges);
  // Whether tokens of the family emv are, or were, issued in a range that the number is in.
  bool IsIssued(std::string_view number) const;

 private:
  Profiles(std::vector<Profile> profiles, std::vector<Profile> retired)
      : profiles_(std::move(profiles)), retired_(std::move(retired)) {}
  std::vector<Profile> profiles_;
  std::vector<Profile> retired_;
  std::vector<IssuedRange> former_ranges_;
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_PROFILE_H_
