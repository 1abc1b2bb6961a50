#ifndef KEYSVC_KEYSVC_OPENED_DEPLOYMENT_H_
#define KEYSVC_KEYSVC_OPENED_DEPLOYMENT_H_

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "audit/checkpoint.h"
#include "audit/journal.h"
#include "crypto/mac.h"
#include "crypto/recovery_key.h"
#include "keysvc/config.h"
#include "keysvc/head_facts.h"
#include "keysvc/keys/key_delivery.h"
#include "keysvc/keys/key_registry.h"
#include "keysvc/keys/key_wrapping.h"
#include "keysvc/keys/nonce_places.h"
#include "keysvc/keys/partner_keys.h"
#include "keysvc/start_report.h"
#include "keysvc/store_check.h"
#include "pkcs11/hsm.h"
#include "policy/gate.h"
#include "policy/policy.h"
#include "store/store.h"
#include "tokenizer/key_source.h"
#include "tokenizer/profile.h"

namespace keysvc {

// Options for the journal of a deployment, whose heads tell of the policy in force, of the clock
// and of `facts`. Gate and facts outlive the journal.
audit::JournalOptions JournalOptionsOf(const Config& config, const policy::Gate& gate,
                                       const HeadFacts& facts);

// A deployment that was opened with its HSM: the policy, the database, the log, the keys. The
// members are thread-safe, this object is not.
class OpenedDeployment {
 public:
  // What is to be served must have every key sealed to the recovery certificate, where one is
  // configured, gets no checkpoint before Check(), and knows what was accepted once.
  enum class For { kService, kMaintenance };

  // The policy is loaded first; then the HSM opens the database key, and that the database; the
  // start is recorded in the log last. The errors of each of them. Configuration and HSM outlive
  // this object.
  static absl::StatusOr<std::unique_ptr<OpenedDeployment>> Open(const Config& config,
                                                                pkcs11::Hsm& hsm, For what);
  ~OpenedDeployment();
  OpenedDeployment(const OpenedDeployment&) = delete;
  OpenedDeployment& operator=(const OpenedDeployment&) = delete;

  // Loads the keys, the partners' too, compares them with the HSM and the log, and settles
  // deliveries that were broken off. Once, before keys(), partner_keys(), delivery() and Check().
  absl::Status LoadKeys();

  // Compares keys, tokens and log (keysvc/store_check.h). From then on the log's heads attest the
  // store, and checkpoints are made. Once, while nobody writes.
  absl::Status Check(const tokenizer::Profiles& profiles, tokenizer::KeySource& opened_keys,
                     CheckDepth depth);

  policy::Gate& gate() { return gate_; }
  // Null when none is configured.
  const crypto::RecoveryCertificate* recovery() const { return recovery_.get(); }
  store::Store& store() { return *store_; }
  audit::Journal& journal() { return *journal_; }
  keys::KeyWrapping& wrapping() { return *wrapping_; }
  keys::KeyRegistry& keys() { return *keys_; }
  keys::PartnerKeys& partner_keys() { return *partner_keys_; }
  keys::KeyDelivery& delivery() { return *delivery_; }
  keys::NoncePlaces& nonce_places() { return nonce_places_; }
  // By a key that the database key stands for: what keysvc/rpc/recorded_id.h asks for.
  const crypto::HmacSha256& recorded_id_mac() const { return *recorded_id_mac_; }
  const LeftBehind& left_behind() const { return left_behind_; }

 private:
  OpenedDeployment(const Config& config, pkcs11::Hsm& hsm,
                   std::shared_ptr<const policy::Policy> policy)
      : config_(config),
        hsm_(hsm),
        gate_(std::move(policy)),
        nonce_places_(config.accepted_signatures_per_key) {}

  const Config& config_;
  pkcs11::Hsm& hsm_;
  policy::Gate gate_;
  HeadFacts facts_;
  std::unique_ptr<crypto::RecoveryCertificate> recovery_;
  LeftBehind left_behind_;
  keys::NoncePlaces nonce_places_;
  std::unique_ptr<crypto::HmacSha256> recorded_id_mac_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<audit::CheckpointSigner> signer_;
  std::unique_ptr<audit::Journal> journal_;
  std::optional<keys::KeyWrapping> wrapping_;
  std::unique_ptr<keys::KeyRegistry> keys_;
  std::unique_ptr<keys::PartnerKeys> partner_keys_;
  std::unique_ptr<keys::KeyDelivery> delivery_;
};

}  // namespace keysvc

#endif  // KEYSVC_KEYSVC_OPENED_DEPLOYMENT_H_
