#include "keysvc/keys/key_registry.h"

#include <cstdint>
#include <mutex>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "crypto/bytes.h"
#include "crypto/digest.h"
#include "crypto/secret_key.h"
#include "keysvc/keys/call_record.h"
#include "keysvc/keys/certified_version.h"
#include "keysvc/keys/deployment.h"
#include "keysvc/keys/hsm_keys.h"
#include "keysvc/keys/kept_version.h"
#include "keysvc/keys/logged_keys.h"
#include "keysvc/keys/own_keys.h"
#include "keysvc/keys/profile_keys.h"
#include "keysvc/keys/request_keys.h"
#include "policy/name.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/answer_retention.h"
#include "tokenizer/kept_answer.h"

namespace keysvc::keys {
namespace {

using RecordedVersion = audit::Recorded<KeyVersion>;

// A change loses a race only against a change whose outcome was unknown, so few rounds are enough.
constexpr int kRounds = 3;

absl::Status NotFound() { return Error(Reason::kKeyNotFound, "no such key"); }

}  // namespace

KeyRegistry::KeyRegistry(pkcs11::Hsm& hsm, KeyWrapping& wrapping, store::Store& store,
                         audit::Journal& journal, std::string environment,
                         std::function<absl::Time()> clock, UseLimits limits)
    : hsm_(hsm),
      wrapping_(wrapping),
      store_(store),
      journal_(journal),
      environment_(std::move(environment)),
      clock_(std::move(clock)),
      rows_(hsm, RegistryLabelOf(wrapping.label_prefix())),
      uses_(limits),
      ceremony_(hsm, wrapping, rows_, store, journal, limits),
      rings_(std::make_shared<const KeyRings>()) {}

absl::StatusOr<std::unique_ptr<KeyRegistry>> KeyRegistry::Load(
    pkcs11::Hsm& hsm, KeyWrapping& wrapping, store::Store& store, audit::Journal& journal,
    std::string environment, std::function<absl::Time()> clock, UseLimits limits) {
  std::unique_ptr<KeyRegistry> registry(new KeyRegistry(
      hsm, wrapping, store, journal, std::move(environment), std::move(clock), limits));
  RETURN_IF_ERROR(registry->ReloadAsLogged());
  RETURN_IF_ERROR(registry->CheckHsm());
  KeyRings rings = *registry->Rings();
  RETURN_IF_ERROR(registry->ceremony_.Settle(rings));
  registry->Publish(std::move(rings));
  return registry;
}

absl::Status KeyRegistry::EnsureProfileKeys(const tokenizer::Profile& profile) {
  const KeyName data = DataKeyOf(profile);
  const KeyName ff1 = Ff1KeyOf(profile);
  const bool is_ff1 = profile.family == tokenizer::Family::kFf1;
  if (!policy::IsName(data.tenant) || !policy::IsName(IndexKeyOf(profile).key) ||
      (is_ff1 && !policy::IsName(ff1.key))) {
    return Error(Reason::kConfigInvalid, "a profile's tenant or name is no id, or too long");
  }
  const std::lock_guard lock(ceremony_mutex_);
  if (HasKey(*Rings(), is_ff1 ? data : ff1, is_ff1 ? Purpose::kData : Purpose::kFf1)) {
    return ProfileChanged(profile);
  }
  if (profile.family == tokenizer::Family::kEmv && Rings()->Find(data) == nullptr) {
    RETURN_IF_ERROR(CheckRangeIsNew(*Rings(), profile));
  }
  if (is_ff1) RETURN_IF_ERROR(CheckFf1MarksAreNew(*Rings(), profile));
  RETURN_IF_ERROR(EnsureKey(TokenKeyOf(profile.tenant), Purpose::kToken));
  RETURN_IF_ERROR(EnsureKey(RowMacKeyOf(profile.tenant), Purpose::kRowMac));
  RETURN_IF_ERROR(EnsureKey(RequestKeyOf(profile.tenant), Purpose::kRequest));
  RETURN_IF_ERROR(EnsureKey(FingerprintKeyOf(profile.tenant), Purpose::kFingerprint));
  const KeyName& bound = is_ff1 ? ff1 : data;
  const std::string format = profile.TokenFormat();
  RETURN_IF_ERROR(EnsureKey(bound, is_ff1 ? Purpose::kFf1 : Purpose::kData, format));
  if (TokenFormatOf(*Rings(), bound) != format) return ProfileChanged(profile);
  if (!profile.account_reference_issuer.empty()) {
    const KeyName references = AccountReferenceKeyOf(profile.tenant);
    const std::string issuer = profile.AccountReferenceFormat();
    RETURN_IF_ERROR(EnsureKey(references, Purpose::kAccountReference, issuer));
    if (TokenFormatOf(*Rings(), references) != issuer) {
      return ProfileChanged(profile, "its cards would have other account references");
    }
  }
  if (is_ff1 || !profile.deterministic) return absl::OkStatus();
  return EnsureKey(IndexKeyOf(profile), Purpose::kIndex);
}

absl::StatusOr<RecordedVersion> KeyRegistry::Create(const policy::Permit& permit,
                                                    const KeyName& name,
                                                    const KeyParameters& parameters,
                                                    std::string_view request_id) {
  const audit::Entry entry = EntryOf(permit, "KeyService.CreateKey", name.ToString(), request_id);
  const std::lock_guard lock(ceremony_mutex_);
  absl::Status checked = CheckPermit(permit, policy::Action::kCreateKey, name.ToString());
  if (checked.ok()) checked = CheckCreatable(name, parameters);
  // Signatures are kept for repeated requests under the tenant's request key.
  if (checked.ok()) checked = EnsureKey(RequestKeyOf(name.tenant), Purpose::kRequest);
  if (!checked.ok()) return ceremony_.Refuse(entry, checked);
  const std::string request = RequestText(entry.action, name, &parameters);
  return AddVersion(entry, name, request, [&](const KeyRings& rings) {
    return FirstVersion(rings, name, parameters, hsm_.capabilities());
  });
}

absl::StatusOr<RecordedVersion> KeyRegistry::CreateVersion(const policy::Permit& permit,
                                                           const KeyName& name,
                                                           std::string_view request_id) {
  const audit::Entry entry =
      EntryOf(permit, "KeyService.CreateKeyVersion", name.ToString(), request_id);
  const std::lock_guard lock(ceremony_mutex_);
  const absl::Status checked = CheckPermit(permit, policy::Action::kRotateKey, name.ToString());
  if (!checked.ok()) return ceremony_.Refuse(entry, checked);
  return AddVersion(entry, name, RequestText(entry.action, name, nullptr),
                    [&](const KeyRings& rings) { return VersionAhead(rings, name, clock_()); });
}

absl::StatusOr<RecordedVersion> KeyRegistry::Rotate(const policy::Permit& permit,
                                                    const KeyName& name,
                                                    std::string_view request_id, Urgency urgency) {
  const audit::Entry entry = EntryOf(permit, "KeyService.RotateKey", name.ToString(), request_id);
  const std::lock_guard lock(ceremony_mutex_);
  const absl::Status checked = CheckPermit(permit, policy::Action::kRotateKey, name.ToString());
  if (!checked.ok()) return ceremony_.Refuse(entry, checked);
  std::string request = RequestText(entry.action, name, nullptr);
  if (urgency == Urgency::kSoon) request += '\1';
  using enum KeyCeremony::Becomes;
  return AddVersion(entry, name, request, [&](const KeyRings& rings) {
    return NextVersion(rings, name, urgency == Urgency::kSoon ? kSolePrimary : kPrimary, published_,
                       journal_.SteadyTime());
  });
}

absl::StatusOr<RecordedVersion> KeyRegistry::Import(const policy::Permit& permit,
                                                    const KeyImport& import,
                                                    std::string_view request_id) {
  audit::Entry entry = EntryOf(permit, "KeyService.ImportKey", import.name.ToString(), request_id);
  entry.details["import_key"] = import.import_key.key.ToString();
  entry.details["wrapping"] = NameOf(import.secret.wrapping);
  const std::lock_guard lock(ceremony_mutex_);
  absl::Status checked = CheckPermit(permit, policy::Action::kImportKey, import.name.ToString());
  if (checked.ok()) checked = CheckImportable(import);
  if (!checked.ok()) return ceremony_.Refuse(entry, checked);
  return AddVersion(
      entry, import.name, RequestText(entry.action, import), [&](const KeyRings& rings) {
        return ImportedVersion(rings, import, hsm_.capabilities(), entry.actor, clock_());
      });
}

absl::StatusOr<RecordedVersion> KeyRegistry::AttachCertificates(
    const policy::Permit& permit, const CertificateAttachment& attachment,
    std::string_view request_id) {
  const KeyName& name = attachment.name.key;
  const audit::Entry entry =
      EntryOf(permit, "KeyService.AttachCertificate", name.ToString(), request_id);
  const std::lock_guard lock(ceremony_mutex_);
  absl::Status checked = CheckPermit(permit, policy::Action::kAttachCertificate, name.ToString());
  if (checked.ok()) checked = SettleDoubt();
  if (!checked.ok()) return ceremony_.Refuse(entry, checked);
  KeyRings rings = *Rings();
  const auto opened = OpenRequest(entry, name, RequestText(entry.action, attachment));
  if (!opened.ok()) return ceremony_.Refuse(entry, opened.status());
  const auto earlier = FindEarlier(entry, *opened, rings);
  if (!earlier.ok()) return ceremony_.Refuse(entry, earlier.status());
  if (earlier->has_value()) return ceremony_.Repeat(entry, **earlier);
  auto attached = CertifiedVersion(rings, attachment, clock_());
  if (!attached.ok()) return ceremony_.Refuse(entry, attached.status());
  auto kept = Keep(entry, attached->version.name, *opened);
  if (!kept.ok()) return ceremony_.Refuse(entry, kept.status());
  auto recorded =
      ceremony_.AttachCertificates(entry, *std::move(attached), *std::move(kept), rings);
  if (recorded.ok()) {
    Publish(std::move(rings));
    return recorded;
  }
  doubtful_ = true;
  if (ReasonOf(recorded.status()) != Reason::kConflict) return recorded;
  return ceremony_.Refuse(entry, recorded.status());
}

absl::StatusOr<std::vector<KeyVersion>> KeyRegistry::Versions(const KeyName& name) const {
  const auto rings = Rings();
  const KeyRings::Ring* ring = rings->Find(name);
  if (ring == nullptr) return NotFound();
  std::vector<KeyVersion> versions;
  versions.reserve(ring->size());
  for (const KeyRecord& record : *ring) {
    KeyVersion& version = versions.emplace_back(record.version);
    if (const auto uses = uses_.Find(version.name)) {
      version.uses = uses->taken();
      version.use_limit = uses->limits().stop;
    } else if (IsPrepared(version)) {
      const auto limits = LimitsOf(version.parameters, uses_.limits());
      version.use_limit = limits.has_value() ? limits->stop : 0;
    }
  }
  return versions;
}

std::vector<KeyVersion> KeyRegistry::Primaries(std::string_view tenant) const {
  const auto rings = Rings();
  std::vector<KeyVersion> primaries;
  for (const auto& [name, ring] : rings->all()) {
    if (name.tenant != tenant) continue;
    if (const KeyRecord* primary = rings->FindPrimary(name)) primaries.push_back(primary->version);
  }
  return primaries;
}

absl::StatusOr<KeyVersion> KeyRegistry::Version(const KeyVersionName& name) const {
  const auto rings = Rings();
  const KeyRecord* record =
      name.version == 0 ? rings->FindPrimary(name.key) : rings->FindVersion(name);
  if (record == nullptr) return NotFound();
  return record->version;
}

absl::StatusOr<KeyVersion> KeyRegistry::PrimaryFor(const KeyName& name, Use use) const {
  const auto rings = Rings();
  const KeyRecord* primary = rings->FindPrimary(name);
  if (primary == nullptr) return NotFound();
  RETURN_IF_ERROR(CheckUse(primary->version, use, clock_()));
  return primary->version;
}

absl::StatusOr<std::vector<KeyVersion>> KeyRegistry::SignersOf(const KeyName& name) const {
  const auto rings = Rings();
  const KeyRecord* primary = rings->FindPrimary(name);
  if (primary == nullptr) return NotFound();
  RETURN_IF_ERROR(CheckUse(primary->version, Use::kApply, clock_()));
  std::vector<KeyVersion> signers{primary->version};
  // Every signature comes by here, and a ring may be long.
  const KeyParameters& parameters = primary->version.parameters;
  if (parameters.protection != Protection::kShared || parameters.purpose == Purpose::kSharedMac) {
    return signers;
  }
  for (const KeyRecord& record : *rings->Find(name)) {
    if (!record.version.primary && CheckUse(record.version, Use::kApply, clock_()).ok()) {
      signers.push_back(record.version);
    }
  }
  return signers;
}

absl::StatusOr<KeyVersion> KeyRegistry::VersionFor(const KeyVersionName& name, Use use) const {
  const auto rings = Rings();
  const KeyRecord* record = rings->FindVersion(name);
  if (record == nullptr) return NotFound();
  RETURN_IF_ERROR(CheckUse(record->version, use, clock_()));
  return record->version;
}

absl::StatusOr<crypto::SecretBytes> KeyRegistry::Open(const KeyVersionName& name) {
  const auto rings = Rings();
  const KeyRecord* record = rings->FindVersion(name);
  if (record == nullptr) return NotFound();
  RETURN_IF_ERROR(CheckUse(record->version, Use::kProcess, clock_()));
  if (record->version.parameters.protection != Protection::kEnvelope) {
    return Error(Reason::kInternal, "this key never leaves the HSM");
  }
  return wrapping_.Unwrap(record->wrapped, WrapContextOf(record->version));
}

absl::StatusOr<std::shared_ptr<const tokenizer::RequestKeys>> KeyRegistry::RequestKeysOf(
    const std::string& tenant) {
  const std::lock_guard lock(ceremony_mutex_);
  RETURN_IF_ERROR(EnsureKey(RequestKeyOf(tenant), Purpose::kRequest));
  return OpenRequestKeys(tenant);
}

absl::StatusOr<KeyRings> KeyRegistry::ReadRings() const {
  ASSIGN_OR_RETURN(const std::vector<store::KeyVersionRow> rows, store_.ListKeyVersions());
  std::vector<KeyRecord> records;
  records.reserve(rows.size());
  for (const store::KeyVersionRow& row : rows) {
    ASSIGN_OR_RETURN(KeyRecord record, rows_.Open(row));
    if (record.version.environment != environment_) {
      return Error(Reason::kEnvironmentMismatch, "a key belongs to another environment");
    }
    records.push_back(std::move(record));
  }
  ASSIGN_OR_RETURN(KeyRings rings, KeyRings::Create(std::move(records)));
  if (!rings.Continues(*Rings())) {
    return Error(Reason::kIntegrityFailure, "a stored key version is older than it was");
  }
  return rings;
}

absl::Status KeyRegistry::Reload() {
  ASSIGN_OR_RETURN(KeyRings rings, ReadRings());
  Publish(std::move(rings));
  return absl::OkStatus();
}

absl::Status KeyRegistry::ReloadAsLogged() {
  ASSIGN_OR_RETURN(KeyRings rings, ReadRings());
  ASSIGN_OR_RETURN(const std::optional<std::string> logged, LoggedKeysDigest(store_));
  if (logged.has_value() && *logged != rings.Digest()) {
    return Error(Reason::kIntegrityFailure, "the stored keys are not those that the log tells of");
  }
  Publish(std::move(rings));
  return absl::OkStatus();
}

absl::Status KeyRegistry::SettleDoubt() {
  if (!doubtful_) return absl::OkStatus();
  RETURN_IF_ERROR(ceremony_.RecordReload());
  RETURN_IF_ERROR(ReloadAsLogged());
  doubtful_ = false;
  return absl::OkStatus();
}

absl::Status KeyRegistry::ReserveUses(const KeyVersionName& name) {
  const std::lock_guard lock(ceremony_mutex_);
  RETURN_IF_ERROR(SettleDoubt());
  KeyRings rings = *Rings();
  const KeyRecord* record = rings.FindVersion(name);
  if (record == nullptr || !CheckUse(record->version, Use::kApply, clock_()).ok()) {
    return absl::OkStatus();
  }
  const auto limits = LimitsOf(record->version.parameters, uses_.limits());
  if (!limits.has_value() || record->reserved_uses >= limits->stop) return absl::OkStatus();
  const absl::Status reserved = ceremony_.ReserveUses(name, rings);
  if (reserved.ok()) {
    Publish(std::move(rings));
    return absl::OkStatus();
  }
  doubtful_ =
      ReasonOf(reserved) == Reason::kOutcomeUnknown || ReasonOf(reserved) == Reason::kConflict;
  return reserved;
}

std::vector<KeyVersion> KeyRegistry::CountedVersions() const {
  const auto rings = Rings();
  std::vector<KeyVersion> versions;
  for (const auto& [name, ring] : rings->all()) {
    for (const KeyRecord& record : ring) {
      if (uses_.Find(record.version.name) != nullptr &&
          CheckUse(record.version, Use::kApply, clock_()).ok()) {
        versions.push_back(record.version);
      }
    }
  }
  return versions;
}

absl::StatusOr<std::size_t> KeyRegistry::OpenEveryKey() {
  const auto rings = Rings();
  std::size_t opened = 0;
  for (const auto& [name, ring] : rings->all()) {
    for (const KeyRecord& record : ring) {
      const KeyVersion& version = record.version;
      if (version.parameters.protection != Protection::kEnvelope ||
          !CheckUse(version, Use::kProcess, clock_()).ok()) {
        continue;
      }
      const absl::Status status = Open(version.name).status();
      if (InfoOf(ReasonOf(status).value_or(Reason::kInternal)).code ==
          absl::StatusCode::kDataLoss) {
        return Error(Reason::kIntegrityFailure,
                     absl::StrCat("the HSM does not open ", version.name.ToString()));
      }
      RETURN_IF_ERROR(status);
      ++opened;
    }
  }
  return opened;
}

std::map<std::string, std::string> KeyRegistry::HeadFacts() {
  // With the mutex no record about keys is on its way, so that the rows in memory are those of
  // every log that is at least as long as it is now.
  const std::unique_lock lock(ceremony_mutex_, std::try_to_lock);
  if (!lock.owns_lock() || doubtful_) return {};
  const auto frontier = store_.ReadFrontier();
  if (!frontier.ok()) return {};
  return {{"keys", Rings()->Digest()}, {"keys_before", absl::StrCat(frontier->size)}};
}

absl::Status KeyRegistry::CheckHsm() {
  ASSIGN_OR_RETURN(const std::vector<pkcs11::HsmKey> present, hsm_.List());
  const auto rings = Rings();
  RETURN_IF_ERROR(CheckHsmKeys(hsm_, present, *rings, clock_()));
  orphans_ = OrphanedLabels(present, wrapping_.label_prefix(), *rings);
  return absl::OkStatus();
}

absl::StatusOr<RecordedVersion> KeyRegistry::AddVersion(const audit::Entry& entry,
                                                        const KeyName& name,
                                                        std::string_view request,
                                                        const Decide& decide) {
  const absl::Status settled = SettleDoubt();
  if (!settled.ok()) return ceremony_.Refuse(entry, settled);
  absl::Status conflict;
  for (int round = 0; round < kRounds; ++round) {
    KeyRings rings = *Rings();
    absl::Status failure = ceremony_.Settle(rings);
    if (failure.ok()) {
      const KeyRecord* prepared = rings.FindPrepared(name);
      const std::uint64_t gone = prepared == nullptr ? 0 : prepared->reserved_uses;
      auto added = AddOrRepeat(entry, name, request, decide, rings);
      if (added.ok() && added->value.ok()) uses_.Open(*rings.FindVersion(added->value->name), gone);
      Publish(std::move(rings));
      if (added.ok()) return added;
      failure = added.status();
    } else if (ReasonOf(failure) != Reason::kConflict) {
      return ceremony_.Refuse(entry, failure);
    }
    // Memory may be behind the store now. When the store cannot be read either, the next change
    // comes by here again, since what it writes conflicts.
    const absl::Status reloaded = Reload();
    doubtful_ = ReasonOf(failure) == Reason::kOutcomeUnknown;
    if (ReasonOf(failure) != Reason::kConflict) return failure;
    if (!reloaded.ok()) return ceremony_.Refuse(entry, reloaded);
    conflict = failure;
  }
  return ceremony_.Refuse(entry, conflict);
}

absl::StatusOr<RecordedVersion> KeyRegistry::AddOrRepeat(const audit::Entry& entry,
                                                         const KeyName& name,
                                                         std::string_view request,
                                                         const Decide& decide, KeyRings& rings) {
  const auto opened = OpenRequest(entry, name, request);
  if (!opened.ok()) return ceremony_.Refuse(entry, opened.status());
  auto earlier = FindEarlier(entry, *opened, rings);
  if (!earlier.ok()) return ceremony_.Refuse(entry, earlier.status());
  if (earlier->has_value()) return ceremony_.Repeat(entry, **std::move(earlier));
  const auto addition = decide(rings);
  if (!addition.ok()) return ceremony_.Refuse(entry, addition.status());
  const auto* source = addition->source.has_value() ? &*addition->source : nullptr;
  KeyVersion fresh =
      addition->prepared != nullptr
          ? addition->prepared->version
          : Draft(name, rings.NextVersion(name), addition->parameters,
                  source == nullptr ? Origin::kGenerated : Origin::kImported, entry.actor);
  auto kept = Keep(entry, fresh.name, *opened);
  if (!kept.ok()) return ceremony_.Refuse(entry, kept.status());
  if (addition->prepared != nullptr) {
    return ceremony_.Activate(entry, *addition->prepared, addition->becomes, clock_(),
                              *std::move(kept), rings);
  }
  audit::Entry addressed = entry;
  if (source != nullptr) {
    // Only of what may be a wrapped secret: a hash without a key would give away anything shorter.
    addressed.details["wrapped_sha256"] =
        absl::BytesToHexString(ToAbsl(crypto::AsText(crypto::Sha256(source->secret.bytes))));
    addressed.details["import_key"] = addition->import_key;
    if (addition->becomes == KeyCeremony::Becomes::kPrepared) addressed.details["waits"] = "true";
  }
  return ceremony_.AddVersion(std::move(addressed), std::move(fresh), addition->becomes,
                              *std::move(kept), rings, source,
                              addition->replaced.has_value() ? &*addition->replaced : nullptr);
}

absl::StatusOr<KeyRegistry::KeptRequest> KeyRegistry::OpenRequest(const audit::Entry& entry,
                                                                  const KeyName& name,
                                                                  std::string_view request) {
  KeptRequest opened;
  if (entry.request_id.empty()) return opened;
  ASSIGN_OR_RETURN(opened.keys, OpenRequestKeys(name.tenant));
  opened.fingerprint = crypto::AsText(opened.keys->fingerprint->Compute(request));
  return opened;
}

absl::StatusOr<std::optional<store::IdempotencyRow>> KeyRegistry::Keep(
    const audit::Entry& entry, const KeyVersionName& version, const KeptRequest& request) const {
  if (entry.request_id.empty()) return std::nullopt;
  ASSIGN_OR_RETURN(store::IdempotencyRow row,
                   KeepVersion(version, entry.actor, entry.request_id, request.fingerprint,
                               clock_() + tokenizer::kKeepAnswers, *request.keys));
  return row;
}

absl::StatusOr<std::shared_ptr<const tokenizer::RequestKeys>> KeyRegistry::OpenRequestKeys(
    const std::string& tenant) {
  ASSIGN_OR_RETURN(const KeyVersion version, PrimaryFor(RequestKeyOf(tenant), Use::kProcess));
  ASSIGN_OR_RETURN(const auto key, crypto::SecretKey<32>::From(Open(version.name)));
  return ExpandRequestKey(key);
}

absl::StatusOr<std::optional<KeyVersion>> KeyRegistry::FindEarlier(const audit::Entry& entry,
                                                                   const KeptRequest& request,
                                                                   const KeyRings& rings) const {
  if (entry.request_id.empty()) return std::nullopt;
  ASSIGN_OR_RETURN(const auto row,
                   tokenizer::FindKeptAnswer(entry.actor, entry.request_id, store_, journal_));
  if (!row.has_value()) return std::nullopt;
  ASSIGN_OR_RETURN(const KeyVersionName name,
                   OpenKeptVersion(*row, request.fingerprint, *request.keys));
  const KeyRecord* record = rings.FindVersion(name);
  if (record == nullptr) {
    return Error(Reason::kIntegrityFailure, "the version that a request made is gone");
  }
  return record->version;
}

absl::Status KeyRegistry::EnsureKey(const KeyName& name, Purpose purpose,
                                    std::string token_format) {
  if (const auto rings = Rings(); const KeyRecord* primary = rings->FindPrimary(name)) {
    if (primary->version.parameters.purpose == purpose) return absl::OkStatus();
    return Error(Reason::kKeyExists, "a key of another purpose has this name");
  }
  const bool is_mac =
      purpose != Purpose::kData && purpose != Purpose::kToken && purpose != Purpose::kFf1;
  const KeyParameters parameters{.purpose = purpose,
                                 .algorithm = is_mac ? Algorithm::kHmacSha256 : Algorithm::kAes256,
                                 .protection = Protection::kEnvelope,
                                 .cryptoperiod = kYear,
                                 .token_format = std::move(token_format)};
  const audit::Entry entry = SystemEntry("KeyService.CreateKey", name.ToString());
  // The decision is repeated inside: a race with an unknown outcome may have made the key.
  bool exists = false;
  auto added = AddVersion(entry, name, {}, [&](const KeyRings& rings) -> absl::StatusOr<Addition> {
    exists = rings.FindPrimary(name) != nullptr;
    if (exists) return Error(Reason::kKeyExists, "there is a key of this name");
    return Addition{.parameters = parameters, .source = {}, .import_key = {}};
  });
  RETURN_IF_ERROR(added.status());
  return exists ? absl::OkStatus() : added->value.status();
}

KeyVersion KeyRegistry::Draft(const KeyName& name, std::uint32_t number,
                              const KeyParameters& parameters, Origin origin,
                              const std::string& made_by) const {
  KeyVersion version{.name = {name, number},
                     .parameters = parameters,
                     .state = KeyState::kPreActivation,
                     .primary = false,
                     .made = false,
                     .environment = environment_,
                     .created = absl::FromUnixMillis(absl::ToUnixMillis(clock_())),
                     .originator_end = {},
                     .recipient_end = {},
                     .hsm_label = {},
                     .public_key = {},
                     .certificates = {},
                     .kid = {},
                     .origin = origin,
                     .made_by = made_by};
  version.originator_end = version.created + parameters.cryptoperiod;
  version.recipient_end = version.originator_end + RecipientPeriodOf(parameters);
  if (LivesInHsm(parameters.protection)) {
    version.hsm_label = HsmLabelOf(wrapping_.label_prefix(), version.name);
  }
  return version;
}

std::shared_ptr<const KeyRings> KeyRegistry::Rings() const {
  const std::lock_guard lock(rings_mutex_);
  return rings_;
}

void KeyRegistry::Publish(KeyRings rings) {
  uses_.Sync(rings);
  auto fresh = std::make_shared<const KeyRings>(std::move(rings));
  {
    const std::lock_guard lock(rings_mutex_);
    rings_ = fresh;
  }
  published_.Show(*fresh, journal_.SteadyTime());
}

}  // namespace keysvc::keys
