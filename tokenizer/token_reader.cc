#include "tokenizer/token_reader.h"

#include <memory>
#include <utility>

#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/ff1_token.h"

namespace keysvc::tokenizer {
namespace {

absl::Status NotFound() { return Error(Reason::kTokenNotFound, "no such token"); }

// The key that is held under `id`, or what `get` gives; an error is not held.
template <typename Keys, typename Id, typename Get>
auto Once(Keys& held, const Id& id, Get get) -> decltype(get()) {
  const auto found = held.find(id);
  if (found != held.end()) return found->second;
  ASSIGN_OR_RETURN(auto key, get());
  held.emplace(id, key);
  return key;
}

}  // namespace

TokenReader::TokenReader(const Profiles& profiles, KeySource& keys, store::Store& store,
                         const policy::Gate& gate, const policy::Permit& permit, std::string tenant)
    : profiles_(profiles),
      keys_(keys),
      store_(store),
      gate_(gate),
      permit_(permit),
      tenant_(std::move(tenant)) {}

absl::StatusOr<std::vector<TokenReading>> TokenReader::Read(
    const std::vector<absl::StatusOr<TokenName>>& names) {
  std::vector<TokenReading> readings(names.size());
  std::vector<std::pair<TokenReading*, Allowed>> with_rows;
  std::vector<std::int64_t> handles;
  with_rows.reserve(names.size());
  handles.reserve(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto allowed = names[i].ok() ? Allow(*names[i], readings[i]) : names[i].status();
    if (!allowed.ok()) {
      readings[i].token = allowed.status();
    } else if (allowed->profile->family == Family::kFf1) {
      readings[i].token = Compute(*names[i], *allowed, readings[i]);
    } else {
      with_rows.emplace_back(&readings[i], *allowed);
      handles.push_back(allowed->content.handle);
    }
  }
  if (handles.empty()) return readings;
  ASSIGN_OR_RETURN(std::vector<std::optional<store::TokenRow>> rows, store_.FindTokens(handles));
  for (std::size_t i = 0; i < with_rows.size(); ++i) {
    const auto& [reading, allowed] = with_rows[i];
    reading->token = Open(allowed, std::move(rows[i]));
  }
  return readings;
}

absl::StatusOr<TokenReader::Allowed> TokenReader::Allow(const TokenName& name,
                                                        TokenReading& reading) {
  if (name.tenant != tenant_) return NotFound();
  const Profile* named = nullptr;
  if (!name.profile.empty()) {
    ASSIGN_OR_RETURN(const Allowed by_name, AllowNamed(name, reading));
    if (by_name.profile->family == Family::kFf1) return by_name;
    named = by_name.profile;
  }
  ASSIGN_OR_RETURN(const std::uint32_t version, TokenKeyVersion(name.token));
  ASSIGN_OR_RETURN(const TokenContent content, Decode(name, version));
  reading.name = name.ToString();
  const Profile* profile = profiles_.Find(tenant_, content.profile);
  if (profile == nullptr || profile->family != Family::kOpaque) {
    return Error(Reason::kProfileNotFound, "the token's profile is not declared any more");
  }
  reading.profile = profile->ResourceName();
  if (named != nullptr && named != profile) return NotFound();
  const absl::StatusOr<policy::Permit>& permit = PermitFor(reading.profile);
  if (!permit.ok()) return permit.status();
  return Allowed{content, version, profile, &*permit};
}

absl::StatusOr<TokenReader::Allowed> TokenReader::AllowNamed(const TokenName& name,
                                                             TokenReading& reading) {
  const absl::StatusOr<const Profile*> profile = profiles_.Find(name.profile);
  if (profile.ok()) reading.profile = name.profile;
  // Whoever may not read a profile's tokens is not told whether it is declared.
  const absl::StatusOr<policy::Permit>& permit = PermitFor(name.profile);
  if (!permit.ok()) return permit.status();
  if (!profile.ok()) return profile.status();
  if ((*profile)->tenant != tenant_) return NotFound();
  return Allowed{{}, 0, *profile, &*permit};
}

const absl::StatusOr<policy::Permit>& TokenReader::PermitFor(const std::string& profile) {
  auto narrowed = narrowed_.find(profile);
  if (narrowed == narrowed_.end()) {
    narrowed = narrowed_.emplace(profile, gate_.Narrow(permit_, profile)).first;
  }
  return narrowed->second;
}

absl::StatusOr<TokenContent> TokenReader::Decode(const TokenName& name, std::uint32_t version) {
  const auto key = Once(token_keys_, version, [&] { return keys_.TokenKey(tenant_, version); });
  if (key.ok()) return DecodeOpaqueToken(name.token, tenant_, **key);
  if (ReasonOf(key.status()) != Reason::kIntegrityFailure) return key.status();
  // Either somebody made up a version, and then the token goes the way of every forged one, or a
  // key that was there is lost.
  const auto primary = keys_.TokenKey(tenant_);
  if (!primary.ok()) return NotFound();
  if (version >= 1 && version <= primary->version) return key.status();
  RETURN_IF_ERROR(DecodeOpaqueToken(name.token, tenant_, *primary->key).status());
  return NotFound();
}

absl::StatusOr<ReadToken> TokenReader::Open(const Allowed& allowed,
                                            std::optional<store::TokenRow> row) {
  if (!row.has_value()) return NotFound();
  if (row->tenant != tenant_ || row->profile != allowed.profile->number ||
      row->handle != allowed.content.handle) {
    return Error(Reason::kIntegrityFailure, "a stored token is not what was written");
  }
  if (row_mac_ == nullptr) {
    ASSIGN_OR_RETURN(row_mac_, keys_.RowMacKey(tenant_));
  }
  RETURN_IF_ERROR(CheckRow(*row, *row_mac_));
  ASSIGN_OR_RETURN(const auto data_key,
                   Once(data_keys_, std::pair(allowed.profile->number, row->data_version),
                        [&] { return keys_.DataKey(*allowed.profile, row->data_version); }));
  ASSIGN_OR_RETURN(OpenedRow opened, OpenRow(*row, *data_key));
  // A restored store gives handles again that an older token names: that token is another's.
  if (opened.token_key_version != allowed.key_version) return NotFound();
  return ReadToken{allowed.profile,        std::move(row),           0,
                   std::move(opened.card), allowed.permit->reveal(), allowed.permit->rule()};
}

absl::StatusOr<ReadToken> TokenReader::Compute(const TokenName& name, const Allowed& allowed,
                                               TokenReading& reading) {
  ASSIGN_OR_RETURN(const Versioned<crypto::Ff1> key, Once(ff1_keys_, allowed.profile, [&] {
                     return keys_.Ff1OpeningKey(*allowed.profile);
                   }));
  ASSIGN_OR_RETURN(CardData card, OpenFf1Token(*allowed.profile, name.token, *key.key));
  reading.name = name.ToString();
  return ReadToken{allowed.profile,          std::nullopt,          key.version, std::move(card),
                   allowed.permit->reveal(), allowed.permit->rule()};
}

}  // namespace keysvc::tokenizer
