#include "tokenizer/tokenizer.h"

#include <memory>
#include <set>
#include <utility>

#include "policy/name.h"
#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/call_record.h"
#include "tokenizer/card_fingerprint.h"
#include "tokenizer/token_reader.h"
#include "tokenizer/tokenize_call.h"

namespace keysvc::tokenizer {
namespace {

std::string TokensOf(const std::string& tenant) { return "tenants/" + tenant + "/tokens"; }

std::string MaskedFor(policy::Reveal reveal, const Pan& pan) {
  return reveal == policy::Reveal::kLastFour ? pan.LastFour() : pan.Masked();
}

// Puts into the entry what the readings were of, and by which rules and keys.
void DescribeReadings(const std::vector<TokenReading>& readings, audit::Entry& entry) {
  std::set<std::string> profiles;
  std::set<std::string> rules;
  std::set<std::string> reveals;
  std::set<std::uint32_t> data_versions;
  std::set<std::uint32_t> ff1_versions;
  for (const TokenReading& reading : readings) {
    AddItem(entry, reading.name, reading.token.status());
    if (!reading.profile.empty()) profiles.insert(reading.profile);
    if (!reading.token.ok()) continue;
    rules.insert(reading.token->rule);
    reveals.insert(std::string(policy::NameOf(reading.token->reveal)));
    if (reading.token->row.has_value()) data_versions.insert(reading.token->row->data_version);
    if (reading.token->ff1_version != 0) ff1_versions.insert(reading.token->ff1_version);
  }
  SetOutcomeOfItems(entry);
  entry.profile = Listed(profiles);
  if (rules.empty()) return;
  entry.rule = Listed(rules);
  entry.details["reveal"] = Listed(reveals);
  if (!data_versions.empty()) entry.details["data_key_version"] = Listed(data_versions);
  if (!ff1_versions.empty()) entry.details["ff1_key_version"] = Listed(ff1_versions);
}

RevealedCard Reveal(ReadToken token) {
  RevealedCard card;
  card.reveal = token.reveal;
  card.masked_pan = MaskedFor(token.reveal, token.card.pan);
  card.expiry = token.card.expiry;
  if (token.reveal == policy::Reveal::kFull) card.full = std::move(token.card);
  return card;
}

absl::StatusOr<TokenView> ViewOf(const ReadToken& token) {
  if (!token.row.has_value()) return Error(Reason::kTokenNotFound, "no such token");
  return TokenView{token.profile->ResourceName(), MaskedFor(token.reveal, token.card.pan),
                   token.card.expiry, absl::FromUnixMillis(token.row->created_ms),
                   token.row->data_version};
}

absl::StatusOr<Versioned<crypto::HmacSha256>> FingerprintKey(KeySource& keys,
                                                             std::string_view tenant,
                                                             std::uint32_t version) {
  if (version == 0) return keys.FingerprintKey(tenant);
  ASSIGN_OR_RETURN(auto key, keys.FingerprintKey(tenant, version));
  return Versioned<crypto::HmacSha256>{version, std::move(key)};
}

}  // namespace

std::string FingerprintResource(std::string_view tenant) {
  return "tenants/" + std::string(tenant) + "/keys/card-fingerprint";
}

absl::StatusOr<TokenName> TokenName::Parse(std::string_view name) {
  constexpr std::string_view kTenants = "tenants/";
  constexpr std::string_view kTokens = "/tokens/";
  const std::size_t end = name.find('/', kTenants.size());
  if (name.starts_with(kTenants) && end != std::string_view::npos &&
      name.substr(end).starts_with(kTokens)) {
    const std::string_view tenant = name.substr(kTenants.size(), end - kTenants.size());
    const std::string_view token = name.substr(end + kTokens.size());
    // Records show the tenant, so that it must not be any text of a caller.
    if (policy::IsName(tenant) && !token.empty() && token.find('/') == std::string_view::npos) {
      return TokenName{std::string(tenant), std::string(token)};
    }
  }
  return Error(Reason::kFieldInvalid, "a token's name is tenants/{tenant}/tokens/{token}", "name");
}

std::string TokenName::ToString() const { return TokensOf(tenant) + "/" + token; }

Tokenizer::Tokenizer(const Profiles& profiles, KeySource& keys, store::Store& store,
                     audit::Journal& journal, const policy::Gate& gate,
                     std::function<absl::Time()> clock)
    : profiles_(profiles),
      keys_(keys),
      store_(store),
      journal_(journal),
      gate_(gate),
      clock_(std::move(clock)) {}

absl::Status Tokenizer::CountRecords() {
  return budgets_.CountRecords(store_, journal_.UnsteppedTime());
}

void Tokenizer::Tokenize(policy::Permit permit, const Profile& profile,
                         std::vector<absl::StatusOr<CardData>> cards, RequestFacts facts,
                         audit::Done<std::vector<absl::StatusOr<TokenName>>> done) {
  const TokenizeCall::Services services{keys_, store_, journal_, clock_};
  std::make_shared<TokenizeCall>(services, permit, profile, std::move(cards), facts,
                                 std::move(done))
      ->Run(permit);
}

void Tokenizer::Detokenize(policy::Permit permit, std::string tenant,
                           std::vector<absl::StatusOr<TokenName>> tokens, RequestFacts facts,
                           audit::Done<std::vector<absl::StatusOr<RevealedCard>>> done) {
  using Cards = std::vector<absl::StatusOr<RevealedCard>>;
  audit::Entry entry = EntryOf(permit, "TokenService.Detokenize", facts);
  const auto cards = [&]() -> absl::StatusOr<Cards> {
    RETURN_IF_ERROR(CheckPermit(permit, policy::Action::kDetokenize, TokensOf(tenant)));
    ASSIGN_OR_RETURN(std::vector<TokenReading> readings, Read(permit, tenant, tokens));
    DescribeReadings(readings, entry);
    Cards revealed;
    for (TokenReading& reading : readings) {
      if (reading.token.ok()) {
        revealed.push_back(Reveal(*std::move(reading.token)));
      } else {
        revealed.push_back(reading.token.status());
      }
    }
    return revealed;
  };
  absl::StatusOr<Cards> value = cards();
  if (!value.ok()) SetFailed(entry, value.status());
  journal_.Submit(std::move(entry), {},
                  [value = std::move(value),
                   done = std::move(done)](absl::StatusOr<audit::Receipt> receipt) mutable {
                    audit::Complete<Cards>(std::move(receipt), std::move(value), done);
                  });
}

void Tokenizer::Describe(policy::Permit permit, TokenName token, RequestFacts facts,
                         audit::Done<TokenView> done) {
  audit::Entry entry = EntryOf(permit, "TokenService.GetToken", facts);
  const auto view = [&]() -> absl::StatusOr<TokenView> {
    RETURN_IF_ERROR(CheckPermit(permit, policy::Action::kGetToken, TokensOf(token.tenant)));
    ASSIGN_OR_RETURN(const std::vector<TokenReading> readings, Read(permit, token.tenant, {token}));
    DescribeReadings(readings, entry);
    entry.details.erase("reveal");
    if (!readings[0].token.ok()) return readings[0].token.status();
    return ViewOf(*readings[0].token);
  };
  absl::StatusOr<TokenView> value = view();
  if (!value.ok()) SetFailed(entry, value.status());
  journal_.Submit(std::move(entry), {},
                  [value = std::move(value),
                   done = std::move(done)](absl::StatusOr<audit::Receipt> receipt) mutable {
                    audit::Complete<TokenView>(std::move(receipt), std::move(value), done);
                  });
}

absl::StatusOr<std::vector<TokenReading>> Tokenizer::Read(
    const policy::Permit& permit, const std::string& tenant,
    const std::vector<absl::StatusOr<TokenName>>& names) {
  // A clock that is set forward frees nothing.
  const absl::Time now = journal_.UnsteppedTime();
  RETURN_IF_ERROR(budgets_.CheckMisses(permit, now));
  TokenReader reader(profiles_, keys_, store_, gate_, permit, tenant);
  ASSIGN_OR_RETURN(std::vector<TokenReading> readings, reader.Read(names));
  for (TokenReading& reading : readings) {
    const absl::Status told = budgets_.CountLookUp(permit, reading.token.status(), now);
    if (!told.ok()) reading.token = told;
  }
  return readings;
}

void Tokenizer::Fingerprint(policy::Permit permit, std::string tenant,
                            std::vector<absl::StatusOr<CardData>> cards, std::uint32_t key_version,
                            RequestFacts facts, audit::Done<CardFingerprints> done) {
  audit::Entry entry = EntryOf(permit, "TokenService.FingerprintCard", facts);
  const auto make = [&]() -> absl::StatusOr<CardFingerprints> {
    RETURN_IF_ERROR(
        CheckPermit(permit, policy::Action::kFingerprintCard, FingerprintResource(tenant)));
    ASSIGN_OR_RETURN(const auto key, FingerprintKey(keys_, tenant, key_version));
    CardFingerprints made{key.version, {}};
    for (const absl::StatusOr<CardData>& card : cards) {
      const absl::Status status = card.ok() ? CheckNumberAlone(*card) : card.status();
      AddItem(entry, {}, status);
      if (status.ok()) {
        made.fingerprints.push_back(FingerprintOfCard(card->pan, key.version, *key.key));
      } else {
        made.fingerprints.push_back(status);
      }
    }
    SetOutcomeOfItems(entry);
    entry.details["fingerprint_key_version"] = std::to_string(key.version);
    return made;
  };
  absl::StatusOr<CardFingerprints> value = make();
  if (!value.ok()) SetFailed(entry, value.status());
  journal_.Submit(std::move(entry), {},
                  [value = std::move(value),
                   done = std::move(done)](absl::StatusOr<audit::Receipt> receipt) mutable {
                    audit::Complete<CardFingerprints>(std::move(receipt), std::move(value), done);
                  });
}

}  // namespace keysvc::tokenizer
