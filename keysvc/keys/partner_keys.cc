#include "keysvc/keys/partner_keys.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "audit/leaf.h"
#include "crypto/bytes.h"
#include "crypto/canonical.h"
#include "crypto/secret_bytes.h"
#include "keysvc/keys/call_record.h"
#include "keysvc/keys/logged_keys.h"
#include "keysvc/keys/own_keys.h"
#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/answer_retention.h"
#include "tokenizer/kept_answer.h"

namespace keysvc::keys {
namespace {

using RecordedKey = audit::Recorded<PartnerKey>;

constexpr std::string_view kKept = "keysvc kept partner key";

// A change loses a race only against another request of the same id, so few rounds are enough.
constexpr int kRounds = 3;

// Between two attempts to hear what became of a change.
constexpr absl::Duration kLongestPause = absl::Minutes(1);

crypto::CanonicalWriter RequestText(const audit::Entry& entry) {
  crypto::CanonicalWriter text;
  text.Bytes(entry.action).U8(1).Bytes(entry.resource);
  return text;
}

// All that is asked for, as it is asked for: what follows from it may change with the time.
std::string RequestText(const audit::Entry& entry, const PartnerKeyRequest& request) {
  crypto::CanonicalWriter text = RequestText(entry);
  text.Bytes(NameOf(request.purpose))
      .Bytes(request.algorithm.has_value() ? NameOf(*request.algorithm) : "")
      .Bytes(request.pem)
      .Bytes(request.kid);
  for (const std::optional<absl::Time>& time : {request.not_before, request.not_after}) {
    text.U8(time.has_value() ? 1 : 0);
    if (time.has_value()) text.U64(static_cast<std::uint64_t>(absl::ToUnixMillis(*time)));
  }
  return text.Take();
}

// The answer is the key as it is when it is asked for again; kept is only whose it is.
std::string KeptAnswer(const PartnerKeyName& name) {
  return crypto::CanonicalWriter().U8(1).Bytes(name.ToString()).Take();
}

absl::Status NotFound() { return Error(Reason::kKeyNotFound, "no such partner key"); }
absl::Status InDoubt() {
  return Error(Reason::kOutcomeUnknown, "it is not known what became of a change of this key");
}

void Describe(const PartnerKey& key, audit::Entry& entry) {
  entry.details["purpose"] = NameOf(key.terms.purpose);
  entry.details["algorithm"] = NameOf(key.terms.algorithm);
  entry.details["not_after"] = audit::LogTime(key.terms.not_after);
  entry.details["spki_sha256"] = PinOf(key.terms);
}

}  // namespace

PartnerKeys::PartnerKeys(Services services, PartnerKeyRows rows, std::function<absl::Time()> clock,
                         absl::Duration retry)
    : services_(services),
      rows_(std::move(rows)),
      clock_(std::move(clock)),
      retry_(retry),
      state_(std::make_shared<const State>()) {}

PartnerKeys::~PartnerKeys() = default;

absl::StatusOr<std::unique_ptr<PartnerKeys>> PartnerKeys::Load(Services services,
                                                               PartnerKeyRows rows,
                                                               std::function<absl::Time()> clock,
                                                               absl::Duration retry) {
  std::unique_ptr<PartnerKeys> keys(
      new PartnerKeys(services, std::move(rows), std::move(clock), retry));
  RETURN_IF_ERROR(keys->ReadAll());
  PartnerKeys* loaded = keys.get();
  loaded->settling_ =
      std::jthread([loaded](const std::stop_token& stop) { loaded->SettleDoubts(stop); });
  return keys;
}

absl::StatusOr<RecordedKey> PartnerKeys::Create(const policy::Permit& permit,
                                                const PartnerKeyName& name,
                                                const PartnerKeyRequest& request,
                                                std::string_view request_id) {
  const audit::Entry entry =
      EntryOf(permit, "PartnerKeyService.CreatePartnerKey", name.ToString(), request_id);
  const std::lock_guard lock(change_mutex_);
  const absl::Status checked =
      CheckPermit(permit, policy::Action::kCreatePartnerKey, entry.resource);
  if (!checked.ok()) return Refuse(entry, checked);
  const absl::Time now = absl::FromUnixMillis(absl::ToUnixMillis(clock_()));
  const auto decide = [&](const All& all) -> absl::StatusOr<PartnerKey> {
    ASSIGN_OR_RETURN(PartnerKeyTerms terms, TermsOf(request, now));
    if (all.contains(name)) return Error(Reason::kKeyExists, "there is a key of this name");
    for (const auto& [other, held] : all) {
      if (other.tenant != name.tenant || held.key->terms.public_key != terms.public_key) continue;
      if (held.key->state == PartnerKeyState::kDisabled) {
        return Error(Reason::kPartnerKeyDisabled, "this key is disabled under another name");
      }
      if (held.key->terms.purpose != terms.purpose) {
        return Error(Reason::kKeyPurposeMismatch, "this key has another purpose already");
      }
    }
    ASSIGN_OR_RETURN(auto half, ReadPublicHalf(terms.public_key));
    return PartnerKey{.name = name,
                      .terms = std::move(terms),
                      .half = std::move(half),
                      .created = now,
                      .registered_by = entry.actor};
  };
  return Change(entry, name, RequestText(entry, request), decide);
}

absl::StatusOr<RecordedKey> PartnerKeys::Disable(const policy::Permit& permit,
                                                 const PartnerKeyName& name,
                                                 std::string_view request_id) {
  const audit::Entry entry =
      EntryOf(permit, "PartnerKeyService.DisablePartnerKey", name.ToString(), request_id);
  const std::lock_guard lock(change_mutex_);
  const absl::Status checked =
      CheckPermit(permit, policy::Action::kDisablePartnerKey, entry.resource);
  if (!checked.ok()) return Refuse(entry, checked);
  const auto decide = [&](const All& all) -> absl::StatusOr<PartnerKey> {
    const auto found = all.find(name);
    if (found == all.end()) return NotFound();
    PartnerKey changed = *found->second.key;
    if (changed.state == PartnerKeyState::kDisabled) {
      return Error(Reason::kPartnerKeyDisabled, "the partner's key is disabled already");
    }
    changed.state = PartnerKeyState::kDisabled;
    return changed;
  };
  return Change(entry, name, RequestText(entry).Take(), decide);
}

absl::StatusOr<std::shared_ptr<const PartnerKey>> PartnerKeys::Find(
    const PartnerKeyName& name) const {
  const auto now = Now();
  if (now->doubtful.has_value() && now->doubtful->key->name == name) return InDoubt();
  const auto found = now->all.find(name);
  if (found == now->all.end()) return NotFound();
  return found->second.key;
}

absl::StatusOr<std::vector<std::shared_ptr<const PartnerKey>>> PartnerKeys::List(
    std::string_view tenant) const {
  const auto now = Now();
  if (now->doubtful.has_value() && now->doubtful->key->name.tenant == tenant) return InDoubt();
  std::vector<std::shared_ptr<const PartnerKey>> keys;
  for (const auto& [name, held] : now->all) {
    if (name.tenant == tenant) keys.push_back(held.key);
  }
  return keys;
}

std::map<std::string, std::string> PartnerKeys::HeadFacts() {
  // With the mutex no record about them is on its way, so that the rows in memory are those of
  // every log that is at least as long as it is now.
  const std::unique_lock lock(change_mutex_, std::try_to_lock);
  const auto now = Now();
  if (!lock.owns_lock() || now->doubtful.has_value()) return {};
  const auto frontier = services_.store.ReadFrontier();
  if (!frontier.ok()) return {};
  return {{"partner_keys", PartnerKeyRowsDigest(RowsOf(now->all))},
          {"partner_keys_before", absl::StrCat(frontier->size)}};
}

absl::Status PartnerKeys::ReadAll() {
  ASSIGN_OR_RETURN(const std::vector<store::PartnerKeyRow> rows, services_.store.ListPartnerKeys());
  All all;
  for (const store::PartnerKeyRow& row : rows) {
    ASSIGN_OR_RETURN(PartnerKey key, rows_.Open(row));
    const PartnerKeyName name = key.name;
    all[name] = {std::make_shared<const PartnerKey>(std::move(key)), row};
  }
  RETURN_IF_ERROR(CheckLoggedPartnerKeys(services_.store, rows));
  Publish({.all = std::move(all)});
  return absl::OkStatus();
}

absl::Status PartnerKeys::SettleDoubt() {
  const auto now = Now();
  if (!now->doubtful.has_value()) return absl::OkStatus();
  // Once this is durable, so is whatever was to be written before it, or it never will be.
  RETURN_IF_ERROR(services_.journal.Record(SystemEntry("PartnerKeyService.Reload", {})).status());
  ASSIGN_OR_RETURN(const std::vector<store::PartnerKeyRow> rows, services_.store.ListPartnerKeys());
  // The rows alone do not tell: the old one may have been put back.
  RETURN_IF_ERROR(CheckLoggedPartnerKeys(services_.store, rows));
  const std::string stored = PartnerKeyRowsDigest(rows);
  All changed = now->all;
  changed[now->doubtful->key->name] = *now->doubtful;
  for (const All* all : {&now->all, static_cast<const All*>(&changed)}) {
    if (stored != PartnerKeyRowsDigest(RowsOf(*all))) continue;
    Publish({.all = *all});
    return absl::OkStatus();
  }
  return Error(Reason::kIntegrityFailure,
               "the stored partner keys are not those that were written");
}

void PartnerKeys::SettleDoubts(const std::stop_token& stop) {
  std::unique_lock lock(change_mutex_);
  while (doubt_.wait(lock, stop, [this] { return Now()->doubtful.has_value(); }) &&
         !stop.stop_requested()) {
    // Each attempt is a record, and rows that somebody changed may stay so for days.
    for (absl::Duration pause = retry_; !SettleDoubt().ok() && !stop.stop_requested();
         pause = std::min(pause * 2, kLongestPause)) {
      doubt_.wait_for(lock, stop, absl::ToChronoNanoseconds(pause), [] { return false; });
    }
  }
}

absl::StatusOr<RecordedKey> PartnerKeys::Change(const audit::Entry& entry,
                                                const PartnerKeyName& name,
                                                std::string_view request, const Decide& decide) {
  const absl::Status settled = SettleDoubt();
  if (!settled.ok()) return Refuse(entry, settled);
  absl::Status conflict;
  for (int round = 0; round < kRounds; ++round) {
    auto changed = ChangeOrRepeat(entry, name, request, decide);
    if (ReasonOf(changed.status()) != Reason::kConflict) return changed;
    conflict = changed.status();
  }
  const auto rows = services_.store.ListPartnerKeys();
  const absl::Status stored =
      rows.ok() ? CheckLoggedPartnerKeys(services_.store, *rows) : rows.status();
  return Refuse(entry, stored.ok() ? conflict : stored);
}

absl::StatusOr<RecordedKey> PartnerKeys::ChangeOrRepeat(audit::Entry entry,
                                                        const PartnerKeyName& name,
                                                        std::string_view request,
                                                        const Decide& decide) {
  const auto earlier = FindEarlier(entry, name, request);
  if (!earlier.ok()) return Refuse(std::move(entry), earlier.status());
  if (*earlier != nullptr) {
    entry.details["repetition"] = "true";
    ASSIGN_OR_RETURN(audit::Receipt receipt, services_.journal.Record(std::move(entry)));
    return RecordedKey{std::move(receipt), **earlier};
  }
  auto changed = decide(Now()->all);
  if (!changed.ok()) return Refuse(std::move(entry), changed.status());
  auto kept = Keep(entry, name, request);
  if (!kept.ok()) return Refuse(std::move(entry), kept.status());
  return Write(std::move(entry), *std::move(changed), *std::move(kept));
}

absl::StatusOr<std::shared_ptr<const PartnerKey>> PartnerKeys::FindEarlier(
    const audit::Entry& entry, const PartnerKeyName& name, std::string_view request) const {
  ASSIGN_OR_RETURN(const auto row, tokenizer::FindKeptAnswer(entry.actor, entry.request_id,
                                                             services_.store, services_.journal));
  if (!row.has_value()) return nullptr;
  // No request of a tenant without a request key has ever been kept, and none is made for it here.
  if (!services_.registry.Versions(RequestKeyOf(name.tenant)).ok()) {
    return Error(Reason::kRequestIdReused, "the request id was used for another request",
                 "request_id");
  }
  ASSIGN_OR_RETURN(const auto keys, services_.registry.RequestKeysOf(name.tenant));
  const std::string fingerprint(crypto::AsText(keys->fingerprint->Compute(request)));
  ASSIGN_OR_RETURN(const crypto::SecretBytes answer,
                   tokenizer::OpenKeptAnswer(kKept, *row, fingerprint, *keys->answer));
  ASSIGN_OR_RETURN(const crypto::SecretBytes expected,
                   crypto::SecretBytes::CopyOf(crypto::AsBytes(KeptAnswer(name))));
  auto key = Find(name);
  if (!key.ok() || !(answer == expected)) {
    return Error(Reason::kIntegrityFailure, "the partner key that a request changed is gone");
  }
  return key;
}

absl::StatusOr<std::optional<store::IdempotencyRow>> PartnerKeys::Keep(
    const audit::Entry& entry, const PartnerKeyName& name, std::string_view request) const {
  if (entry.request_id.empty()) return std::nullopt;
  ASSIGN_OR_RETURN(const auto keys, services_.registry.RequestKeysOf(name.tenant));
  const std::string fingerprint(crypto::AsText(keys->fingerprint->Compute(request)));
  return tokenizer::KeepAnswer(kKept, entry.actor, entry.request_id, fingerprint,
                               clock_() + tokenizer::kKeepAnswers,
                               crypto::AsBytes(KeptAnswer(name)), *keys->answer);
}

absl::StatusOr<RecordedKey> PartnerKeys::Write(audit::Entry entry, PartnerKey changed,
                                               std::optional<store::IdempotencyRow> kept) {
  All all = Now()->all;
  Held& held = all[changed.name];
  auto row = rows_.Authenticate(changed, held.row.revision + 1);
  if (!row.ok()) return Refuse(std::move(entry), row.status());
  held = {std::make_shared<const PartnerKey>(changed), *std::move(row)};

  Describe(changed, entry);
  entry.details["partner_keys"] = PartnerKeyRowsDigest(RowsOf(all));
  store::Mutation mutation;
  mutation.partner_keys.push_back(held.row);
  mutation.idempotency = std::move(kept);
  absl::StatusOr<audit::Receipt> receipt =
      services_.journal.Record(std::move(entry), std::move(mutation));
  if (receipt.ok()) {
    Publish({.all = std::move(all)});
    return RecordedKey{*std::move(receipt), std::move(changed)};
  }
  if (ReasonOf(receipt.status()) == Reason::kOutcomeUnknown) {
    Publish({.all = Now()->all, .doubtful = held});
    doubt_.notify_all();
  }
  return std::move(receipt).status();
}

absl::StatusOr<RecordedKey> PartnerKeys::Refuse(audit::Entry entry, const absl::Status& status) {
  ASSIGN_OR_RETURN(audit::Receipt receipt,
                   services_.journal.Record(Failed(std::move(entry), status)));
  return RecordedKey{std::move(receipt), status};
}

std::vector<store::PartnerKeyRow> PartnerKeys::RowsOf(const All& all) {
  std::vector<store::PartnerKeyRow> rows;
  for (const auto& [name, held] : all) rows.push_back(held.row);
  return rows;
}

std::shared_ptr<const PartnerKeys::State> PartnerKeys::Now() const {
  const std::lock_guard lock(state_mutex_);
  return state_;
}

void PartnerKeys::Publish(State state) {
  auto fresh = std::make_shared<const State>(std::move(state));
  const std::lock_guard lock(state_mutex_);
  state_ = std::move(fresh);
}

}  // namespace keysvc::keys
