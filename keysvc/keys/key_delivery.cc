#include "keysvc/keys/key_delivery.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "crypto/bytes.h"
#include "crypto/canonical.h"
#include "keysvc/keys/call_record.h"
#include "keysvc/keys/key_check_value.h"
#include "keysvc/keys/open_intents.h"
#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/answer_retention.h"
#include "tokenizer/kept_answer.h"

namespace keysvc::keys {
namespace {

// All that a delivery asks for.
std::string RequestText(const audit::Entry& entry, const KeyVersionName& name,
                        const PartnerKeyName& partner) {
  return crypto::CanonicalWriter()
      .Bytes(entry.action)
      .U8(1)
      .Bytes(name.key.ToString())
      .U32(name.version)
      .Bytes(partner.ToString())
      .Take();
}

}  // namespace

KeyDelivery::KeyDelivery(Services services, std::function<absl::Time()> clock)
    : services_(services), clock_(std::move(clock)) {}

absl::StatusOr<audit::Recorded<DeliveredKey>> KeyDelivery::Deliver(const policy::Permit& permit,
                                                                   const KeyVersionName& name,
                                                                   const PartnerKeyName& partner,
                                                                   std::string_view request_id) {
  audit::Entry entry = EntryOf(permit, "KeyService.DeliverKey", name.key.ToString(), request_id);
  const std::lock_guard lock(mutex_);
  const absl::Status checked =
      CheckPermit(permit, policy::Action::kDeliverKey, name.key.ToString());
  if (!checked.ok()) return Refuse(std::move(entry), checked);
  const absl::Status settled = SettleDoubt();
  if (!settled.ok()) return Refuse(std::move(entry), settled);

  const auto request = Open(entry, name, partner);
  if (!request.ok()) return Refuse(std::move(entry), request.status());
  if (request->has_value()) {
    auto earlier = FindEarlier(entry, **request);
    if (!earlier.ok()) return Refuse(std::move(entry), earlier.status());
    if (earlier->has_value()) {
      entry.resource = (*earlier)->key_version.ToString();
      entry.details["repetition"] = "true";
      ASSIGN_OR_RETURN(audit::Receipt receipt, services_.journal.Record(std::move(entry)));
      return RecordedDelivery{std::move(receipt), **std::move(earlier)};
    }
  }
  entry.details["partner_key"] = partner.ToString();
  const auto version = VersionOf(name);
  if (!version.ok()) return Refuse(std::move(entry), version.status());
  const auto recipient = RecipientOf(partner, name.key.tenant, entry.actor);
  if (!recipient.ok()) return Refuse(std::move(entry), recipient.status());
  return DeliverOnce(std::move(entry), *version, **recipient, *request);
}

absl::StatusOr<std::optional<KeyDelivery::Request>> KeyDelivery::Open(
    const audit::Entry& entry, const KeyVersionName& name, const PartnerKeyName& partner) const {
  if (entry.request_id.empty()) return std::nullopt;
  // A tenant without keys has no request key either, and none is made for it here.
  RETURN_IF_ERROR(services_.registry.Versions(name.key).status());
  ASSIGN_OR_RETURN(const auto keys, services_.registry.RequestKeysOf(name.key.tenant));
  Request request{.keys = *keys, .fingerprint = {}};
  request.fingerprint =
      crypto::AsText(keys->fingerprint->Compute(RequestText(entry, name, partner)));
  return request;
}

absl::StatusOr<std::optional<DeliveredKey>> KeyDelivery::FindEarlier(const audit::Entry& entry,
                                                                     const Request& request) const {
  ASSIGN_OR_RETURN(const auto row, tokenizer::FindKeptAnswer(entry.actor, entry.request_id,
                                                             services_.store, services_.journal));
  if (!row.has_value()) return std::nullopt;
  return OpenKeptDelivery(*row, request.fingerprint, request.keys);
}

absl::StatusOr<KeyVersion> KeyDelivery::VersionOf(const KeyVersionName& name) const {
  ASSIGN_OR_RETURN(KeyVersion version, services_.registry.Version(name));
  if (version.parameters.protection != Protection::kShared) {
    return Error(Reason::kKeyPurposeMismatch, "the key is not shared, and leaves the HSM never");
  }
  if (version.origin == Origin::kImported) {
    return Error(Reason::kKeyDelivered, "the secret is the partner's, who has it");
  }
  // The partner has it before it MACs anything.
  if (IsPrepared(version) && clock_() < version.originator_end) return version;
  RETURN_IF_ERROR(CheckUse(version, Use::kApply, clock_()));
  return version;
}

absl::StatusOr<std::shared_ptr<const PartnerKey>> KeyDelivery::RecipientOf(
    const PartnerKeyName& partner, std::string_view tenant, std::string_view caller) const {
  if (partner.tenant != tenant) {
    return Error(Reason::kFieldInvalid, "the partner is another tenant's", "partner_key");
  }
  ASSIGN_OR_RETURN(auto key, services_.partner_keys.Find(partner));
  if (key->terms.purpose != Purpose::kSecretDelivery) {
    return Error(Reason::kKeyPurposeMismatch, "the partner's key is not for what is delivered");
  }
  // Else one alone could have a secret handed to himself.
  if (key->registered_by == caller) {
    return Error(Reason::kSeparationOfDuties,
                 "who registered the partner's key does not deliver to it");
  }
  RETURN_IF_ERROR(CheckVerifies(*key, clock_()));
  return key;
}

absl::StatusOr<KeyDelivery::RecordedDelivery> KeyDelivery::DeliverOnce(
    audit::Entry entry, const KeyVersion& version, const PartnerKey& recipient,
    const std::optional<Request>& request) {
  entry.resource = version.name.ToString();
  entry.details["spki_sha256"] = PinOf(recipient.terms);
  entry.outcome = audit::Outcome::kIntent;
  doubtful_ = true;
  ASSIGN_OR_RETURN(const audit::Receipt intent, services_.journal.Record(entry));
  entry.details["intent"] = absl::StrCat(intent.index());

  // First, since nothing that fails after the delivery gives it back.
  auto check_value = KeyCheckValueOf(services_.hsm, version);
  auto wrapped = check_value.ok()
                     ? services_.hsm.Deliver(version.hsm_label, recipient.terms.public_key)
                     : absl::StatusOr<pkcs11::WrappedKey>(check_value.status());
  if (!wrapped.ok()) {
    auto refused = Refuse(std::move(entry), wrapped.status());
    doubtful_ = !refused.ok();
    return refused;
  }
  entry.outcome = audit::Outcome::kSuccess;
  entry.details["algorithm"] = wrapped->algorithm;
  DeliveredKey delivered{version.name, *std::move(wrapped), *std::move(check_value)};
  ASSIGN_OR_RETURN(audit::Receipt receipt, RecordDelivery(entry, delivered, request));
  doubtful_ = false;
  return RecordedDelivery{std::move(receipt), std::move(delivered)};
}

absl::Status KeyDelivery::Settle() {
  const std::lock_guard lock(mutex_);
  return RecordBrokenOff();
}

absl::Status KeyDelivery::SettleDoubt() {
  if (!doubtful_) return absl::OkStatus();
  // Once this is durable, so is whatever was to be written before it, or it never will be.
  RETURN_IF_ERROR(services_.journal.Record(SystemEntry("KeyService.Reload", {})).status());
  RETURN_IF_ERROR(RecordBrokenOff());
  doubtful_ = false;
  return absl::OkStatus();
}

absl::Status KeyDelivery::RecordBrokenOff() {
  ASSIGN_OR_RETURN(const auto open, FindOpenDeliveries(services_.store));
  const absl::Status broken_off =
      Error(Reason::kOutcomeUnknown, "the delivery of a key was broken off");
  for (const auto& [intent, version] : open) {
    audit::Entry entry = Failed(SystemEntry("KeyService.DeliverKey", version), broken_off);
    entry.details["intent"] = absl::StrCat(intent);
    RETURN_IF_ERROR(services_.journal.Record(std::move(entry)).status());
  }
  return absl::OkStatus();
}

std::map<std::string, std::string> KeyDelivery::HeadFacts() {
  // With the mutex no record about deliveries is on its way.
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock() || doubtful_) return {};
  const auto frontier = services_.store.ReadFrontier();
  if (!frontier.ok()) return {};
  return {{"deliveries_before", absl::StrCat(frontier->size)}};
}

absl::StatusOr<audit::Receipt> KeyDelivery::RecordDelivery(const audit::Entry& entry,
                                                           const DeliveredKey& delivered,
                                                           const std::optional<Request>& request) {
  store::Mutation mutation;
  if (request.has_value()) {
    ASSIGN_OR_RETURN(mutation.idempotency,
                     KeepDelivery(delivered, entry.actor, entry.request_id, request->fingerprint,
                                  clock_() + tokenizer::kKeepAnswers, request->keys));
  }
  auto receipt = services_.journal.Record(entry, std::move(mutation));
  // The id was taken meanwhile by a request of another kind; the HSM will not do this again.
  if (ReasonOf(receipt.status()) == Reason::kConflict) return services_.journal.Record(entry);
  return receipt;
}

absl::StatusOr<KeyDelivery::RecordedDelivery> KeyDelivery::Refuse(audit::Entry entry,
                                                                  const absl::Status& status) {
  ASSIGN_OR_RETURN(audit::Receipt receipt,
                   services_.journal.Record(Failed(std::move(entry), status)));
  return RecordedDelivery{std::move(receipt), status};
}

}  // namespace keysvc::keys
