#include "tokenizer/stored_tokens.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/random/random.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "audit/leaf.h"
#include "crypto/bytes.h"
#include "crypto/digest.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"
#include "store/token_metadata.h"
#include "tokenizer/token_row.h"
#include "tokenizer/tokenizer.h"

namespace keysvc::tokenizer {
namespace {

constexpr std::size_t kRowsAtOnce = 4096;
constexpr std::uint64_t kLeavesAtOnce = 512;

absl::Status Damaged(std::string_view what) { return Error(Reason::kIntegrityFailure, what); }

// The text of a member of canonical JSON, where a member has one spelling.
std::string_view Member(std::string_view body, std::string_view member) {
  const std::size_t at = body.find(member);
  if (at == std::string_view::npos) return {};
  body.remove_prefix(at + member.size());
  return body.substr(0, body.find('"'));
}

// How many rows there were before a place in the log, and how often they had been changed.
struct Census {
  std::uint64_t tokens = 0;
  std::uint64_t changes = 0;
  std::uint64_t before = 0;
};

// Of the newest head that counts tokens.
absl::StatusOr<std::optional<Census>> NewestCensus(store::Store& store, std::uint64_t size) {
  for (std::uint64_t end = size; end > 0;) {
    const std::uint64_t first = end - std::min(end, kLeavesAtOnce);
    ASSIGN_OR_RETURN(const std::vector<store::LeafRow> leaves,
                     store.ReadLeaves(first, static_cast<std::size_t>(end - first)));
    for (auto leaf = leaves.rbegin(); leaf != leaves.rend(); ++leaf) {
      if (!leaf->header.starts_with(R"({"action":"Log.)")) continue;
      Census census;
      const std::string_view tokens = Member(leaf->body, R"("tokens":")");
      if (tokens.empty()) continue;
      if (crypto::AsText(audit::HashOfLeaf(*leaf)) != leaf->leaf_hash ||
          !absl::SimpleAtoi(ToAbsl(tokens), &census.tokens) ||
          !absl::SimpleAtoi(ToAbsl(Member(leaf->body, R"("tokens_before":")")), &census.before)) {
        return Damaged("a head of the log is not what was written");
      }
      // Heads from before rows were changed do not say it.
      const std::string_view changes = Member(leaf->body, R"("token_changes":")");
      if (!changes.empty() && !absl::SimpleAtoi(ToAbsl(changes), &census.changes)) {
        return Damaged("a head of the log is not what was written");
      }
      return census;
    }
    end = first;
  }
  return std::nullopt;
}

absl::Status ProfileChanged(const Profile& profile, std::string_view how) {
  return Error(Reason::kProfileChanged,
               absl::StrCat("the store holds tokens of ", profile.ResourceName(), ToAbsl(how)));
}

constexpr std::string_view kDeclareOrRetire =
    ", not declared any more: declare each again, or retire it with retired_profiles";

// By its name.
bool IsAmong(const std::vector<Profile>& profiles, const Profile& one) {
  return std::any_of(profiles.begin(), profiles.end(), [&](const Profile& profile) {
    return profile.ResourceName() == one.ResourceName();
  });
}

bool IsDeleted(const store::TokenRow& row) {
  return TokenStateOf(row.state) == TokenState::kDeleted;
}

// One run over the rows.
class Check {
 public:
  Check(store::Store& store, const Profiles& profiles, KeySource& keys,
        const StoredTokensOptions& options)
      : store_(store), profiles_(profiles), keys_(keys), options_(options) {}

  absl::StatusOr<StoredTokens> Run() {
    RETURN_IF_ERROR(LookForComputed(profiles_, options_.former));
    ASSIGN_OR_RETURN(const store::FrontierRow frontier, store_.ReadFrontier());
    leaves_ = frontier.size;
    ASSIGN_OR_RETURN(const std::optional<Census> census, NewestCensus(store_, leaves_));
    std::uint64_t counted = 0;
    std::vector<store::TokenRow> newest;
    for (std::int64_t last = 0;;) {
      ASSIGN_OR_RETURN(std::vector<store::TokenRow> rows, store_.ReadTokens(last, kRowsAtOnce));
      if (rows.empty()) break;
      for (const store::TokenRow& row : rows) {
        RETURN_IF_ERROR(Look(row));
        if (census.has_value() && row.leaf_index.value_or(0) < census->before) ++counted;
        if (options_.open_every_row) RETURN_IF_ERROR(Open(row));
      }
      last = rows.back().handle;
      newest.insert(newest.end(), std::make_move_iterator(rows.begin()),
                    std::make_move_iterator(rows.end()));
      if (newest.size() > options_.sample) {
        const auto older = newest.end() - static_cast<std::ptrdiff_t>(options_.sample);
        std::for_each(newest.begin(), older, [this](const store::TokenRow& row) { Draw(row); });
        newest.erase(newest.begin(), older);
      }
    }
    if (!missing_.empty()) {
      return Error(Reason::kProfileChanged,
                   absl::StrCat("the store holds tokens of ", absl::StrJoin(missing_, ", "),
                                ToAbsl(kDeclareOrRetire)));
    }
    ASSIGN_OR_RETURN(const std::uint64_t entries, store_.CountMetadata());
    if (entries != metadata_) return Damaged("the index over metadata is not what was written");
    if (census.has_value() && counted < census->tokens) {
      return Damaged("tokens are missing from the store");
    }
    if (census.has_value() && found_.changes < census->changes) {
      return Damaged("a token's row is older than the log says");
    }
    if (!options_.open_every_row) RETURN_IF_ERROR(OpenSample(newest));
    return found_;
  }

 private:
  // What can be said without a key.
  absl::Status Look(const store::TokenRow& row) {
    if (++found_.rows % options_.rows_per_report == 0 && options_.progress) {
      options_.progress(found_.rows);
    }
    if (row.leaf_index.has_value()) {
      if (*row.leaf_index >= leaves_) return Damaged("a token names a record that is not there");
      linked_ = true;
    } else if (linked_) {
      return Damaged("a token names no record");
    } else {
      ++found_.without_record;
    }
    if (row.revision < 1) return Damaged("a token's row is not what was written");
    found_.changes += row.revision - 1;
    metadata_ += store::MetadataOf(row.metadata).size();
    const Profile* profile = profiles_.Find(row.tenant, row.profile);
    if (profile == nullptr) {
      ++found_.undeclared;
      return LookForNumber(row);
    }
    if (profile->family == Family::kFf1 || IsDrawn(profile->family) == row.digits.empty()) {
      return ProfileChanged(*profile,
                            ", or of another profile of its number, from when it was of another "
                            "family: declare another profile");
    }
    if (IsDeleted(row)) return absl::OkStatus();  // needs neither key any more
    const bool replaced = HasReplacedCard(row);
    const auto versions = std::tuple(profile, row.data_version, row.index_version, replaced);
    if (known_.contains(versions)) return absl::OkStatus();
    RETURN_IF_ERROR(LookForKey(row, *profile));
    if (!profile->deterministic && row.index_version != 0) {
      if (IsGenuine(row, *profile)) {
        return ProfileChanged(*profile, " from when it was deterministic: declare another profile");
      }
      return Damaged("a token names an index key that it cannot have");
    }
    // One that was merged is not found by its card.
    const bool indexed = row.index_version != 0 || !replaced;
    if (profile->deterministic && indexed) {
      if (row.index_version == 0 && IsGenuine(row, *profile)) {
        return ProfileChanged(*profile,
                              " from when it was not deterministic: declare another profile");
      }
      const auto index = keys_.IndexKey(*profile);
      RETURN_IF_ERROR(LostOrOk(index.status()));
      if (index.ok() && (row.index_version < 1 || row.index_version > index->version)) {
        return Damaged("a token names an index key that is not there");
      }
    }
    known_.insert(versions);
    return absl::OkStatus();
  }

  // Tokens of a profile whose number was changed would not be found any more. Of one row with this
  // number and key version; but of each its state and number are believed by its MAC alone, since
  // who changed them has made sure that nobody looks further.
  absl::Status LookForNumber(const store::TokenRow& row) {
    const auto row_mac = keys_.RowMacKey(row.tenant);
    RETURN_IF_ERROR(LostOrOk(row_mac.status()));
    if (row_mac.ok()) RETURN_IF_ERROR(CheckRow(row, **row_mac));
    if (IsDeleted(row) ||
        !strangers_.insert(std::tuple(row.tenant, row.profile, row.data_version)).second) {
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const Profile* profile, SealerOf(row, profiles_.all()));
    if (profile == nullptr) return LookForRetired(row);
    return ProfileChanged(*profile, absl::StrCat(" under the number ", row.profile,
                                                 ", which it had before: declare it with that"));
  }

  // Those of a profile that was retired are left as they are, once it is known that they are its
  // own; where no key opens them any more, that there was such a profile. What is neither declared
  // nor retired is told when all rows are read.
  absl::Status LookForRetired(const store::TokenRow& row) {
    ASSIGN_OR_RETURN(const Profile* former, SealerOf(row, options_.former));
    const std::string name = former != nullptr ? former->ResourceName()
                                               : absl::StrCat("a profile of tenants/", row.tenant);
    const std::string number = absl::StrCat(" under the number ", row.profile);
    const std::vector<Profile>& all = profiles_.retired();
    const auto retired = std::find_if(all.begin(), all.end(), [&](const Profile& one) {
      return one.tenant == row.tenant && one.number == row.profile;
    });
    if (retired == all.end()) {
      missing_.insert(absl::StrCat(name, number));
      return absl::OkStatus();
    }
    const bool its_own =
        former != nullptr ? former->ResourceName() == retired->ResourceName() : HadRows(*retired);
    if (its_own) return absl::OkStatus();
    return Error(Reason::kProfileChanged,
                 absl::StrCat("the store holds tokens of ", name, number,
                              ", which is retired as that of another profile"));
  }

  // Of the family ff1 there are no rows that could be its own.
  bool HadRows(const Profile& retired) const {
    return std::any_of(options_.former.begin(), options_.former.end(), [&](const Profile& former) {
      return former.family != Family::kFf1 && former.ResourceName() == retired.ResourceName();
    });
  }

  // Of the first row of these versions: that it is the profile's own.
  absl::Status LookForKey(const store::TokenRow& row, const Profile& profile) {
    const auto data_key = keys_.DataKey(profile, row.data_version);
    if (data_key.ok() && OpenRow(row, **data_key).ok()) return absl::OkStatus();
    ASSIGN_OR_RETURN(const Profile* other, SealerOf(row, profiles_.all()));
    if (other == nullptr) {
      ASSIGN_OR_RETURN(other, SealerOf(row, options_.former));
    }
    if (other == nullptr || other == &profile) return LostOrOk(data_key.status());
    return ProfileChanged(*other, absl::StrCat(" under the number ", row.profile,
                                               ", which is another profile's now: declare it with "
                                               "that, and the other one with another"));
  }

  // Which of the profiles has the key that the row's card was sealed with; nullptr: none, or one
  // whose state forbids its use. An error when that can't be told at the moment.
  absl::StatusOr<const Profile*> SealerOf(const store::TokenRow& row,
                                          const std::vector<Profile>& profiles) const {
    for (const Profile& profile : profiles) {
      if (profile.tenant != row.tenant || profile.family == Family::kFf1) continue;
      const auto key = keys_.DataKey(profile, row.data_version);
      const absl::Status opened = key.ok() ? OpenRow(row, **key).status() : key.status();
      if (opened.ok()) return &profile;
      // Another profile need not have this version of a key.
      if (ReasonOf(opened) != Reason::kIntegrityFailure) RETURN_IF_ERROR(LostOrOk(opened));
    }
    return nullptr;
  }

  // Whether it is a row as it was written, and the profile's.
  bool IsGenuine(const store::TokenRow& row, const Profile& profile) const {
    const auto row_mac = keys_.RowMacKey(row.tenant);
    const auto data_key = keys_.DataKey(profile, row.data_version);
    return row_mac.ok() && CheckRow(row, **row_mac).ok() && data_key.ok() &&
           OpenRow(row, **data_key).ok();
  }

  // A version whose state or period forbids its use is there all the same.
  static absl::Status LostOrOk(const absl::Status& status) {
    return ReasonOf(status) == Reason::kKeyNotActive ? absl::OkStatus() : status;
  }

  absl::Status Open(const store::TokenRow& row) {
    const Profile* profile = profiles_.Find(row.tenant, row.profile);
    if (profile == nullptr) return absl::OkStatus();
    ASSIGN_OR_RETURN(const auto row_mac, keys_.RowMacKey(row.tenant));
    RETURN_IF_ERROR(CheckRow(row, *row_mac));
    if (!IsDeleted(row)) {
      RETURN_IF_ERROR(FindByCard(row));
      const auto data_key = keys_.DataKey(*profile, row.data_version);
      if (!data_key.ok()) return LostOrOk(data_key.status());
      RETURN_IF_ERROR(OpenRow(row, **data_key).status());
    }
    RETURN_IF_ERROR(FindByDigits(row));
    RETURN_IF_ERROR(FindByMetadata(row));
    const auto token = TokenOf(row, keys_);
    if (!token.ok()) return LostOrOk(token.status());
    RETURN_IF_ERROR(FindInRecord(row, TokenName{row.tenant, *token}));
    ++found_.opened;
    return absl::OkStatus();
  }

  // A card whose row is not found gets a second token. The database's index is pages of its own,
  // and older ones authenticate as well.
  absl::Status FindByCard(const store::TokenRow& row) {
    if (row.pan_index.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(const auto found,
                     store_.FindTokensByPanIndex(row.tenant, row.profile, row.index_version,
                                                 {&row.pan_index, 1}));
    if (found.front().has_value() && found.front()->handle == row.handle) return absl::OkStatus();
    return Damaged("a token is not found by its card");
  }

  // Such a row is reached in no other way.
  absl::Status FindByDigits(const store::TokenRow& row) {
    if (row.digits.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(const auto found,
                     store_.FindTokensByDigits(row.tenant, row.profile, {&row.digits, 1}));
    if (found.front().has_value() && found.front()->handle == row.handle) return absl::OkStatus();
    return Damaged("a token is not found by its digits");
  }

  // That there are no other entries their number says.
  absl::Status FindByMetadata(const store::TokenRow& row) {
    for (const store::MetadataValue& value : store::MetadataOf(row.metadata)) {
      ASSIGN_OR_RETURN(
          const store::TokenList found,
          store_.ListTokens(row.tenant, row.profile, {&value, 1}, std::nullopt, row.handle - 1, 1));
      if (found.rows.empty() || found.rows.front().handle != row.handle) {
        return Damaged("a token is not found by its metadata");
      }
    }
    return absl::OkStatus();
  }

  absl::Status FindInRecord(const store::TokenRow& row, const TokenName& name) {
    if (!row.leaf_index.has_value()) return absl::OkStatus();
    // The rows of a batch lie side by side and share a record.
    if (!leaf_.has_value() || leaf_->index != *row.leaf_index) {
      ASSIGN_OR_RETURN(std::vector<store::LeafRow> leaves, store_.ReadLeaves(*row.leaf_index, 1));
      if (leaves.size() != 1 || leaves.front().index != *row.leaf_index ||
          crypto::AsText(audit::HashOfLeaf(leaves.front())) != leaves.front().leaf_hash) {
        return Damaged("the record of a token is not what was written");
      }
      leaf_ = std::move(leaves.front());
    }
    const std::string quoted = absl::StrCat("\"resource\":\"", name.ToString(), "\"");
    if (leaf_->body.find(quoted) != std::string::npos) return absl::OkStatus();
    return Damaged("a token has no record");
  }

  // Keeps a sample of the rows drawn from in which each is as likely as the others (Algorithm R):
  // handles have gaps, so that drawing one of them would favour the rows behind those.
  void Draw(const store::TokenRow& row) {
    ++drawn_from_;
    if (sample_.size() < options_.sample) {
      sample_.push_back(row.handle);
    } else if (const auto place = absl::Uniform<std::uint64_t>(random_, 0, drawn_from_);
               place < sample_.size()) {
      sample_[static_cast<std::size_t>(place)] = row.handle;
    }
  }

  absl::Status OpenSample(const std::vector<store::TokenRow>& newest) {
    for (const store::TokenRow& row : newest) RETURN_IF_ERROR(Open(row));
    ASSIGN_OR_RETURN(const auto rows, store_.FindTokens(sample_));
    for (const auto& row : rows) {
      if (!row.has_value()) return Damaged("a token's row is not read again");
      RETURN_IF_ERROR(Open(*row));
    }
    return absl::OkStatus();
  }

  store::Store& store_;
  const Profiles& profiles_;
  KeySource& keys_;
  const StoredTokensOptions& options_;
  std::uint64_t leaves_ = 0;
  std::uint64_t metadata_ = 0;  // values in all rows
  bool linked_ = false;         // a row with a record has been seen: all later ones have one
  std::set<std::tuple<const Profile*, std::uint32_t, std::uint32_t, bool>> known_;
  std::set<std::tuple<std::string, std::uint16_t, std::uint32_t>> strangers_;  // undeclared
  std::set<std::string> missing_;  // whose tokens are there, neither declared nor retired
  std::optional<store::LeafRow> leaf_;
  absl::BitGen random_;
  std::uint64_t drawn_from_ = 0;
  std::vector<std::int64_t> sample_;
  StoredTokens found_;
};

}  // namespace

absl::Status LookForComputed(const Profiles& profiles, const std::vector<Profile>& former) {
  std::vector<std::string> missing;
  for (const Profile& profile : former) {
    if (profile.family == Family::kFf1 && !IsAmong(profiles.retired(), profile)) {
      missing.push_back(profile.ResourceName());
    }
  }
  if (missing.empty()) return absl::OkStatus();
  return Error(Reason::kProfileChanged,
               absl::StrCat("there may be tokens of ", absl::StrJoin(missing, ", "),
                            ToAbsl(kDeclareOrRetire)));
}

absl::StatusOr<StoredTokens> CheckStoredTokens(store::Store& store, const Profiles& profiles,
                                               KeySource& keys,
                                               const StoredTokensOptions& options) {
  return Check(store, profiles, keys, options).Run();
}

}  // namespace keysvc::tokenizer
