#ifndef KEYSVC_KEYSVC_KEYS_PARTNER_KEYS_H_
#define KEYSVC_KEYSVC_KEYS_PARTNER_KEYS_H_

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "audit/entry.h"
#include "audit/journal.h"
#include "keysvc/keys/key_registry.h"
#include "keysvc/keys/partner_key.h"
#include "keysvc/keys/partner_key_request.h"
#include "keysvc/keys/partner_key_row.h"
#include "policy/gate.h"
#include "store/store.h"
#include "tokenizer/key_source.h"

namespace keysvc::keys {

// Every partner's key: what is in the store, checked against its MACs, kept in memory and changed
// only through the journal. Thread-safe. Reads never block; changes block on the HSM and are made
// one at a time.
//
// While the outcome of a change is unknown, its key is neither what it was nor what it was to
// become: it is not found at all, so that a key whose disabling is durable verifies nothing more. A
// thread of its own asks the log what became of the change, until it hears; that needs no HSM.
class PartnerKeys {
 public:
  // What it works with, all of which outlives it.
  struct Services {
    KeyRegistry& registry;
    store::Store& store;
    audit::Journal& journal;
  };

  // Loads and checks all rows. DATA_LOSS/INTEGRITY_FAILURE when one was changed, or they are not
  // what the log's newest record of them says, such as one put back.
  // A log that does not say what became of a change is asked again after `retry`, then after twice
  // that, and so on, at least once a minute.
  static absl::StatusOr<std::unique_ptr<PartnerKeys>> Load(
      Services services, PartnerKeyRows rows, std::function<absl::Time()> clock = absl::Now,
      absl::Duration retry = absl::Seconds(1));
  // Ends the thread.
  ~PartnerKeys();
  PartnerKeys(const PartnerKeys&) = delete;
  PartnerKeys& operator=(const PartnerKeys&) = delete;

  // Recorded errors: those of TermsOf; ALREADY_EXISTS/KEY_EXISTS; of a key that is registered under
  // another name of the tenant, FAILED_PRECONDITION/PARTNER_KEY_DISABLED when it is disabled there,
  // and KEY_PURPOSE_MISMATCH when it has another purpose there; DATA_LOSS/INTEGRITY_FAILURE when
  // the stored rows are not those that were written. The outer error means that the outcome is not
  // recorded or not known. With a request id, a repetition within 24 hours gets the same key, also
  // when that is over by then, and another content INVALID_ARGUMENT/REQUEST_ID_REUSED.
  absl::StatusOr<audit::Recorded<PartnerKey>> Create(const policy::Permit& permit,
                                                     const PartnerKeyName& name,
                                                     const PartnerKeyRequest& request,
                                                     std::string_view request_id);
  // For ever: nothing verifies by it any more. Recorded errors: NOT_FOUND/KEY_NOT_FOUND;
  // FAILED_PRECONDITION/PARTNER_KEY_DISABLED when it is disabled already. Repetitions as above.
  absl::StatusOr<audit::Recorded<PartnerKey>> Disable(const policy::Permit& permit,
                                                      const PartnerKeyName& name,
                                                      std::string_view request_id);

  // NOT_FOUND/KEY_NOT_FOUND; UNAVAILABLE/OUTCOME_UNKNOWN while it is unknown what became of a
  // change of this key.
  absl::StatusOr<std::shared_ptr<const PartnerKey>> Find(const PartnerKeyName& name) const;
  // In the order of their names. UNAVAILABLE/OUTCOME_UNKNOWN as above, of any of them.
  absl::StatusOr<std::vector<std::shared_ptr<const PartnerKey>>> List(
      std::string_view tenant) const;

  // What a head of the log says of the rows: what CheckLoggedPartnerKeys reads. Empty while a
  // change is being made, or its outcome is unknown. Does not block.
  std::map<std::string, std::string> HeadFacts();

 private:
  struct Held {
    std::shared_ptr<const PartnerKey> key;
    store::PartnerKeyRow row;
  };
  using All = std::map<PartnerKeyName, Held>;
  struct State {
    All all;
    // A key that may or may not have been written as it is here.
    std::optional<Held> doubtful = {};
  };

  PartnerKeys(Services services, PartnerKeyRows rows, std::function<absl::Time()> clock,
              absl::Duration retry);

  absl::Status ReadAll();
  // The change mutex is held, here and below. Asks the log what became of an earlier change whose
  // outcome is unknown.
  absl::Status SettleDoubt();
  // Makes the change that `decide` gives for the keys as they are then; an error of `decide` is
  // recorded. `request` is all that the caller asked for, in canonical form.
  using Decide = std::function<absl::StatusOr<PartnerKey>(const All& all)>;
  absl::StatusOr<audit::Recorded<PartnerKey>> Change(const audit::Entry& entry,
                                                     const PartnerKeyName& name,
                                                     std::string_view request,
                                                     const Decide& decide);
  absl::StatusOr<audit::Recorded<PartnerKey>> ChangeOrRepeat(audit::Entry entry,
                                                             const PartnerKeyName& name,
                                                             std::string_view request,
                                                             const Decide& decide);
  // The key as it is now, when the request is a repetition; else null.
  absl::StatusOr<std::shared_ptr<const PartnerKey>> FindEarlier(const audit::Entry& entry,
                                                                const PartnerKeyName& name,
                                                                std::string_view request) const;
  // What is kept for a repetition of the request, if it has an id.
  absl::StatusOr<std::optional<store::IdempotencyRow>> Keep(const audit::Entry& entry,
                                                            const PartnerKeyName& name,
                                                            std::string_view request) const;
  absl::StatusOr<audit::Recorded<PartnerKey>> Write(audit::Entry entry, PartnerKey changed,
                                                    std::optional<store::IdempotencyRow> kept);
  absl::StatusOr<audit::Recorded<PartnerKey>> Refuse(audit::Entry entry,
                                                     const absl::Status& status);
  void SettleDoubts(const std::stop_token& stop);

  static std::vector<store::PartnerKeyRow> RowsOf(const All& all);
  std::shared_ptr<const State> Now() const;
  void Publish(State state);

  const Services services_;
  const PartnerKeyRows rows_;
  const std::function<absl::Time()> clock_;
  const absl::Duration retry_;
  std::mutex change_mutex_;
  std::condition_variable_any doubt_;  // with the change mutex: there is one
  mutable std::mutex state_mutex_;     // of the pointer; what it points to never changes
  std::shared_ptr<const State> state_;
  std::jthread settling_;  // last: it uses all the others
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_PARTNER_KEYS_H_
