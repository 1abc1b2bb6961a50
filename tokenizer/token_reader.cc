#include "tokenizer/token_reader.h"

#include <memory>
#include <utility>

#include "status/macros.h"
#include "status/reason.h"

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
  std::vector<absl::StatusOr<Allowed>> allowed;
  std::vector<std::int64_t> handles;
  allowed.reserve(names.size());
  handles.reserve(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    allowed.push_back(names[i].ok() ? Allow(*names[i], readings[i]) : names[i].status());
    if (allowed.back().ok()) handles.push_back(allowed.back()->content.handle);
  }
  std::vector<std::optional<store::TokenRow>> rows;
  if (!handles.empty()) {
    ASSIGN_OR_RETURN(rows, store_.FindTokens(handles));
  }
  auto row = rows.begin();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (allowed[i].ok()) {
      readings[i].token = Open(*allowed[i], std::move(*row++));
    } else {
      readings[i].token = allowed[i].status();
    }
  }
  return readings;
}

absl::StatusOr<TokenReader::Allowed> TokenReader::Allow(const TokenName& name,
                                                        TokenReading& reading) {
  if (name.tenant != tenant_) return NotFound();
  ASSIGN_OR_RETURN(const std::uint32_t version, TokenKeyVersion(name.token));
  ASSIGN_OR_RETURN(const TokenContent content, Decode(name, version));
  reading.name = name.ToString();
  const Profile* profile = profiles_.Find(tenant_, content.profile);
  if (profile == nullptr) {
    return Error(Reason::kProfileNotFound, "the token's profile is not declared any more");
  }
  reading.profile = profile->ResourceName();
  auto narrowed = narrowed_.find(content.profile);
  if (narrowed == narrowed_.end()) {
    narrowed = narrowed_.emplace(content.profile, gate_.Narrow(permit_, reading.profile)).first;
  }
  if (!narrowed->second.ok()) return narrowed->second.status();
  return Allowed{content, version, profile, &*narrowed->second};
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
  return ReadToken{allowed.profile, *std::move(row), std::move(opened.card),
                   allowed.permit->reveal(), allowed.permit->rule()};
}

}  // namespace keysvc::tokenizer
