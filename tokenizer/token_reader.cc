#include "tokenizer/token_reader.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/account_reference.h"
#include "tokenizer/answer_retention.h"
#include "tokenizer/drawn_token.h"
#include "tokenizer/ff1_token.h"
#include "tokenizer/kept_answer.h"

namespace keysvc::tokenizer {
namespace {

absl::Status NotFound() { return Error(Reason::kTokenNotFound, "no such token"); }

// Of a token that opened, what is outside its domain becomes the reason.
void RefuseOtherUse(const TokenUse& use, TokenReading& reading) {
  if (!reading.token.ok()) return;
  const FoundToken& token = *reading.token;
  const absl::Status fits = CheckUse(use, token.domain, token.profile->domain);
  if (!fits.ok()) reading.token = fits;
}

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

std::string FoundToken::Masked() const {
  return permit->reveal() == policy::Reveal::kLastFour ? card->pan.LastFour() : card->pan.Masked();
}

absl::Duration AnswersAreKept(const std::vector<TokenReading>& readings) {
  std::optional<absl::Duration> longest;
  for (const TokenReading& reading : readings) {
    if (!reading.token.ok()) continue;
    const absl::Duration keeps = reading.token->profile->keep_answers;
    longest = std::max(longest.value_or(keeps), keeps);
  }
  return longest.value_or(kKeepAnswers);
}

void CountLookUps(Budgets& budgets, const policy::Permit& permit, absl::Time now,
                  std::vector<TokenReading>& readings) {
  for (TokenReading& reading : readings) {
    const absl::Status told = budgets.CountLookUp(permit, reading.token.status(), now);
    if (!told.ok()) reading.token = told;
  }
}

void OpenWithinLimits(Budgets& budgets, const policy::Permit& permit, absl::Time now,
                      const std::vector<absl::StatusOr<TokenName>>& names,
                      const std::vector<TokenUse>& uses, TokenReader& reader,
                      std::vector<TokenReading>& readings) {
  for (std::size_t i = 0; i < readings.size(); ++i) {
    TokenReading& reading = readings[i];
    if (!reading.token.ok()) continue;
    const absl::Status left =
        budgets.CheckReveal(*reading.token->permit, names[i]->ToString(), now);
    if (left.ok()) {
      reader.Open(*names[i], reading);
      RefuseOtherUse(uses.empty() ? TokenUse{} : uses[i], reading);
    } else {
      reading.token = left;
    }
  }
  CountLookUps(budgets, permit, now, readings);
}

void TakeReveals(Budgets& budgets, absl::Time now, std::vector<TokenReading>& readings) {
  for (TokenReading& reading : readings) {
    if (!reading.token.ok()) continue;
    const absl::Status taken = budgets.TakeReveal(*reading.token->permit, reading.name, now);
    if (!taken.ok()) reading.token = taken;
  }
}

absl::Status FindPassing(const std::vector<TokenReading>& readings) {
  std::vector<absl::Status> causes;
  causes.reserve(readings.size());
  for (const TokenReading& reading : readings) causes.push_back(reading.token.status());
  return FindPassing(causes);
}

std::optional<std::uint32_t> RiskScoreOf(const std::vector<std::uint32_t>& scores,
                                         std::size_t item) {
  if (scores.empty()) return std::nullopt;
  return scores.size() == 1 ? scores.front() : scores.at(item);
}

TokenReader::TokenReader(const Profiles& profiles, KeySource& keys, store::Store& store,
                         const policy::Gate& gate, const policy::Permit& permit, std::string tenant)
    : profiles_(profiles),
      keys_(keys),
      store_(store),
      gate_(gate),
      permit_(permit),
      tenant_(std::move(tenant)) {}

std::vector<TokenReading> TokenReader::Allow(const std::vector<absl::StatusOr<TokenName>>& names,
                                             const std::vector<std::uint32_t>& risk_scores) {
  std::vector<TokenReading> readings(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto allowed = names[i].ok() ? Allow(*names[i], RiskScoreOf(risk_scores, i), readings[i])
                                       : names[i].status();
    if (allowed.ok()) {
      readings[i].token = FoundToken{.profile = allowed->profile,
                                     .token_version = allowed->key_version,
                                     .handle = allowed->content.handle,
                                     .permit = allowed->permit};
    } else {
      readings[i].token = allowed.status();
    }
  }
  return readings;
}

absl::StatusOr<std::vector<TokenReading>> TokenReader::Find(
    const std::vector<absl::StatusOr<TokenName>>& names,
    const std::vector<std::uint32_t>& risk_scores) {
  std::vector<TokenReading> readings = Allow(names, risk_scores);
  std::vector<TokenReading*> with_rows;
  std::vector<std::int64_t> handles;
  with_rows.reserve(names.size());
  handles.reserve(names.size());
  for (TokenReading& reading : readings) {
    if (!reading.token.ok() || reading.token->profile->family != Family::kOpaque) continue;
    with_rows.push_back(&reading);
    handles.push_back(reading.token->handle);
  }
  RETURN_IF_ERROR(TakeRows(handles, with_rows));
  RETURN_IF_ERROR(FindByDigits(names, readings));
  return readings;
}

absl::StatusOr<std::vector<TokenReading>> TokenReader::FindRows(
    const std::vector<absl::StatusOr<TokenName>>& names) {
  ASSIGN_OR_RETURN(std::vector<TokenReading> readings, Find(names));
  for (TokenReading& reading : readings) {
    if (reading.token.ok() && !reading.token->row.has_value()) reading.token = NotFound();
  }
  return readings;
}

absl::Status TokenReader::FindByDigits(const std::vector<absl::StatusOr<TokenName>>& names,
                                       std::vector<TokenReading>& readings) {
  std::map<const Profile*, std::pair<std::vector<TokenReading*>, std::vector<std::string>>> wanted;
  for (std::size_t i = 0; i < names.size(); ++i) {
    absl::StatusOr<FoundToken>& token = readings[i].token;
    if (!token.ok() || !IsDrawn(token->profile->family)) continue;
    if (!MayBeDrawn(*token->profile, names[i]->token)) {
      token = NotFound();
      continue;
    }
    auto& [of_profile, digits] = wanted[token->profile];
    of_profile.push_back(&readings[i]);
    digits.push_back(names[i]->token);
  }
  for (const auto& [profile, tokens] : wanted) {
    const auto& [of_profile, digits] = tokens;
    ASSIGN_OR_RETURN(std::vector<std::optional<store::TokenRow>> rows,
                     store_.FindTokensByDigits(tenant_, profile->number, digits));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (!rows[i].has_value()) {
        of_profile[i]->token = NotFound();
        continue;
      }
      of_profile[i]->name = TokenName{tenant_, digits[i]}.ToString();
      const std::int64_t handle = rows[i]->handle;
      Take(handle, std::move(rows[i]), *of_profile[i]);
    }
  }
  return absl::OkStatus();
}

absl::Status TokenReader::Refresh(std::vector<TokenReading>& readings) {
  std::vector<TokenReading*> with_rows;
  std::vector<std::int64_t> handles;
  for (TokenReading& reading : readings) {
    if (!reading.token.ok() || !reading.token->row.has_value()) continue;
    with_rows.push_back(&reading);
    handles.push_back(reading.token->row->handle);
  }
  return TakeRows(handles, with_rows);
}

absl::Status TokenReader::TakeRows(const std::vector<std::int64_t>& handles,
                                   const std::vector<TokenReading*>& readings) {
  if (handles.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(std::vector<std::optional<store::TokenRow>> rows, store_.FindTokens(handles));
  for (std::size_t i = 0; i < readings.size(); ++i) {
    Take(handles[i], std::move(rows[i]), *readings[i]);
  }
  return absl::OkStatus();
}

void TokenReader::Take(std::int64_t handle, std::optional<store::TokenRow> row,
                       TokenReading& reading) {
  if (absl::Status wrong = Check(*reading.token, handle, row); wrong.ok()) {
    reading.token->row = std::move(row);
  } else {
    reading.token = std::move(wrong);
  }
}

void TokenReader::Open(const TokenName& name, TokenReading& reading) {
  FoundToken& token = *reading.token;
  absl::Status opened = token.row.has_value() ? OpenSealed(token) : Compute(name, token);
  if (opened.ok()) opened = AddAccountReference(token);
  if (opened.ok()) {
    reading.name = name.ToString();
  } else {
    reading.token = std::move(opened);
  }
}

absl::StatusOr<TokenReader::Allowed> TokenReader::Allow(const TokenName& name, RiskScore asserted,
                                                        TokenReading& reading) {
  if (name.tenant != tenant_) return NotFound();
  const Profile* named = nullptr;
  if (!name.profile.empty()) {
    ASSIGN_OR_RETURN(const Allowed by_name, AllowNamed(name, asserted, reading));
    if (by_name.profile->family != Family::kOpaque) return by_name;
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
  const absl::StatusOr<policy::Permit>& permit = PermitFor(reading.profile, asserted);
  if (!permit.ok()) return permit.status();
  return Allowed{content, version, profile, &*permit};
}

absl::StatusOr<TokenReader::Allowed> TokenReader::AllowNamed(const TokenName& name,
                                                             RiskScore asserted,
                                                             TokenReading& reading) {
  const absl::StatusOr<const Profile*> profile = profiles_.Find(name.profile);
  if (profile.ok()) reading.profile = name.profile;
  // Whoever may not read a profile's tokens is not told whether it is declared.
  const absl::StatusOr<policy::Permit>& permit = PermitFor(name.profile, asserted);
  if (!permit.ok()) return permit.status();
  if (!profile.ok()) return profile.status();
  if ((*profile)->tenant != tenant_) return NotFound();
  return Allowed{{}, 0, *profile, &*permit};
}

const absl::StatusOr<policy::Permit>& TokenReader::PermitFor(const std::string& profile,
                                                             RiskScore asserted) {
  const std::pair key(profile, asserted);
  auto narrowed = narrowed_.find(key);
  if (narrowed == narrowed_.end()) {
    narrowed = narrowed_.emplace(key, gate_.Narrow(permit_, profile, asserted)).first;
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

absl::Status TokenReader::Check(const FoundToken& token, std::int64_t handle,
                                const std::optional<store::TokenRow>& row) {
  if (!row.has_value()) return NotFound();
  if (row->tenant != tenant_ || row->profile != token.profile->number || row->handle != handle) {
    return Error(Reason::kIntegrityFailure, "a stored token is not what was written");
  }
  if (row_mac_ == nullptr) {
    ASSIGN_OR_RETURN(row_mac_, keys_.RowMacKey(tenant_));
  }
  RETURN_IF_ERROR(CheckRow(*row, *row_mac_));
  ASSIGN_OR_RETURN(const std::uint32_t token_version, TokenKeyVersionOf(*row));
  if (token_version == token.token_version) return absl::OkStatus();
  // A restored store gives handles again that an older token names: that token is another's. Or
  // somebody changed what the row says, and then it does not open.
  if (StateOf(*row) != TokenState::kDeleted) {
    RETURN_IF_ERROR(OpenCard(*token.profile, *row).status());
  }
  return NotFound();
}

absl::StatusOr<OpenedRow> TokenReader::OpenCard(const Profile& profile,
                                                const store::TokenRow& row) {
  ASSIGN_OR_RETURN(const auto data_key,
                   Once(data_keys_, std::pair(profile.number, row.data_version),
                        [&] { return keys_.DataKey(profile, row.data_version); }));
  return OpenRow(row, *data_key);
}

absl::Status TokenReader::OpenSealed(FoundToken& token) {
  ASSIGN_OR_RETURN(OpenedRow opened, OpenCard(*token.profile, *token.row));
  token.card = std::move(opened.card);
  token.domain = std::move(opened.terms.domain);
  token.account_reference = std::move(opened.terms.account_reference);
  return absl::OkStatus();
}

absl::Status TokenReader::Compute(const TokenName& name, FoundToken& token) {
  ASSIGN_OR_RETURN(const Versioned<crypto::Ff1> key, Once(ff1_keys_, token.profile, [&] {
                     return keys_.Ff1OpeningKey(*token.profile);
                   }));
  token.ff1_version = key.version;
  ASSIGN_OR_RETURN(token.card, OpenFf1Token(*token.profile, name.token, *key.key));
  return absl::OkStatus();
}

absl::Status TokenReader::AddAccountReference(FoundToken& token) {
  const std::string& issuer = token.profile->account_reference_issuer;
  if (issuer.empty()) token.account_reference.clear();
  if (issuer.empty() || !token.account_reference.empty()) return absl::OkStatus();
  if (account_reference_key_ == nullptr) {
    ASSIGN_OR_RETURN(account_reference_key_, keys_.AccountReferenceKey(tenant_));
  }
  token.account_reference = AccountReferenceOf(token.card->pan, issuer, *account_reference_key_);
  return absl::OkStatus();
}

}  // namespace keysvc::tokenizer
