#ifndef KEYSVC_KEYSVC_KEYS_KEY_DELIVERY_H_
#define KEYSVC_KEYSVC_KEYS_KEY_DELIVERY_H_

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "audit/entry.h"
#include "audit/journal.h"
#include "keysvc/keys/kept_delivery.h"
#include "keysvc/keys/key_name.h"
#include "keysvc/keys/key_registry.h"
#include "keysvc/keys/key_version.h"
#include "keysvc/keys/partner_key.h"
#include "keysvc/keys/partner_keys.h"
#include "pkcs11/hsm.h"
#include "policy/gate.h"
#include "store/store.h"
#include "tokenizer/key_source.h"

namespace keysvc::keys {

// Hands shared keys to partners, each version once: it is the HSM that keeps count, by letting the
// key out no more before anybody has what it wrapped. The intent is recorded before that, the
// outcome with what is kept for a repetition. A stop in between may leave a version that can be
// delivered no more, whose secret went nowhere: the key is rotated. The intent that it leaves gets
// its outcome from Settle. Thread-safe; one delivery at a time.
class KeyDelivery {
 public:
  // What it works with, all of which outlives it.
  struct Services {
    KeyRegistry& registry;
    const PartnerKeys& partner_keys;
    pkcs11::Hsm& hsm;
    store::Store& store;
    audit::Journal& journal;
  };
  explicit KeyDelivery(Services services, std::function<absl::Time()> clock = absl::Now);

  // Records the outcome of every delivery that was broken off. Once, before all others.
  absl::Status Settle();

  // Version 0 is the primary one; one that waits for its rotation is delivered by its own name.
  // Recorded errors: NOT_FOUND/KEY_NOT_FOUND, of either key;
  // FAILED_PRECONDITION with KEY_PURPOSE_MISMATCH for a key that is not shared or a partner's that
  // is not for this, KEY_NOT_ACTIVE, KEY_DELIVERED, or what CheckVerifies says of the partner's
  // key; PERMISSION_DENIED/SEPARATION_OF_DUTIES for one that the caller registered;
  // INVALID_ARGUMENT/FIELD_INVALID, field "partner_key", for one of another tenant. The outer
  // error means that the outcome is not recorded or not known. With a request id, a repetition
  // within 24 hours gets the same answer, and another content INVALID_ARGUMENT/REQUEST_ID_REUSED.
  absl::StatusOr<audit::Recorded<DeliveredKey>> Deliver(const policy::Permit& permit,
                                                        const KeyVersionName& name,
                                                        const PartnerKeyName& partner,
                                                        std::string_view request_id);
  // What a head of the log says of deliveries: what FindOpenDeliveries reads. Empty while one is
  // being made, or may have been broken off. Does not block.
  std::map<std::string, std::string> HeadFacts();

 private:
  using RecordedDelivery = audit::Recorded<DeliveredKey>;
  // What a request with an id is known and answered by.
  struct Request {
    tokenizer::RequestKeys keys;
    std::string fingerprint;
  };

  absl::StatusOr<std::optional<Request>> Open(const audit::Entry& entry, const KeyVersionName& name,
                                              const PartnerKeyName& partner) const;
  absl::StatusOr<std::optional<DeliveredKey>> FindEarlier(const audit::Entry& entry,
                                                          const Request& request) const;
  // The version, if it is shared and live, or waits for its rotation.
  absl::StatusOr<KeyVersion> VersionOf(const KeyVersionName& name) const;
  // The partner's key, if this caller may deliver to it.
  absl::StatusOr<std::shared_ptr<const PartnerKey>> RecipientOf(const PartnerKeyName& partner,
                                                                std::string_view tenant,
                                                                std::string_view caller) const;
  // The mutex is held. After an outcome that is not known to be recorded, as Settle.
  absl::Status SettleDoubt();
  absl::Status RecordBrokenOff();
  absl::StatusOr<RecordedDelivery> DeliverOnce(audit::Entry entry, const KeyVersion& version,
                                               const PartnerKey& recipient,
                                               const std::optional<Request>& request);
  absl::StatusOr<audit::Receipt> RecordDelivery(const audit::Entry& entry,
                                                const DeliveredKey& delivered,
                                                const std::optional<Request>& request);
  absl::StatusOr<RecordedDelivery> Refuse(audit::Entry entry, const absl::Status& status);

  const Services services_;
  const std::function<absl::Time()> clock_;
  std::mutex mutex_;
  bool doubtful_ = false;  // an intent may be without an outcome
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_KEY_DELIVERY_H_
