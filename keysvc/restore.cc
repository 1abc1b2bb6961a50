#include "keysvc/restore.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "audit/checkpoint.h"
#include "audit/checkpoint_directory.h"
#include "audit/stored_log.h"
#include "crypto/base64.h"
#include "crypto/recovery_share.h"
#include "keysvc/keys/key_history.h"
#include "keysvc/keys/key_version_row.h"
#include "keysvc/keys/key_wrapping.h"
#include "keysvc/keys/logged_keys.h"
#include "keysvc/keys/partner_key_row.h"
#include "keysvc/keys/restoration.h"
#include "keysvc/opened_deployment.h"
#include "keysvc/say.h"
#include "pkcs11/cryptoki_hsm.h"
#include "policy/gate.h"
#include "policy/policy.h"
#include "status/macros.h"
#include "status/reason.h"
#include "store/sqlcipher_store.h"
#include "tokenizer/profile.h"

namespace keysvc {
namespace {

absl::StatusOr<std::unique_ptr<crypto::RecoveryKey>> CombineFiles(
    const Config& config, const std::vector<std::string>& files) {
  std::vector<crypto::RecoveryShare> shares;
  for (const std::string& file : files) {
    ASSIGN_OR_RETURN(crypto::RecoveryShare share, crypto::ReadRecoveryShareFile(file));
    if (share.of.deployment != config.deployment.name ||
        share.of.environment != config.deployment.environment) {
      return Error(Reason::kRecoverySharesMismatch,
                   file + " is a share of another deployment or environment");
    }
    shares.push_back(std::move(share));
  }
  return crypto::CombineRecoveryShares(shares);
}

// One restoration, step by step; what is found is checked as a whole before anything is changed.
class Run {
 public:
  Run(const Config& config, const RestoreOptions& options, audit::JournalOptions journal_options)
      : config_(config), options_(options), journal_options_(std::move(journal_options)) {
    // One record for all keys may take longer to write than a caller would wait.
    journal_options_.answer_within = absl::Minutes(5);
  }

  absl::Status All() {
    RETURN_IF_ERROR(OpenWithShares());
    RETURN_IF_ERROR(Examine());
    RETURN_IF_ERROR(Change());
    RETURN_IF_ERROR(Finish());
    return absl::OkStatus();
  }

 private:
  void Step(const std::string& what) { Say(absl::StrCat("step ", ++step_, " of 8: ", what)); }

  absl::Status OpenWithShares() {
    Step("putting the shares together");
    ASSIGN_OR_RETURN(certificate_, LoadRecoveryCertificate(config_));
    if (certificate_ == nullptr) {
      return Error(Reason::kConfigInvalid, "no recovery certificate is configured");
    }
    ASSIGN_OR_RETURN(recovery_key_, CombineFiles(config_, options_.share_files));
    if (recovery_key_->key_id() != certificate_->key_id()) {
      return Error(Reason::kRecoveryKeyMismatch,
                   "the shares are not of the configured recovery certificate");
    }
    Step("opening the database key");
    ASSIGN_OR_RETURN(database_key_, keys::RecoverDatabaseKey(config_.deployment, *recovery_key_));
    ASSIGN_OR_RETURN(sidecar_kek_, keys::KekVersionOf(config_.deployment));
    Step("opening the token and the store");
    ASSIGN_OR_RETURN(hsm_, pkcs11::OpenToken(config_.token));
    ASSIGN_OR_RETURN(hsm_is_lost_, keys::IsHsmLost(config_.deployment, *hsm_));
    if (!hsm_is_lost_ && !options_.accept_older_store) return NothingIsLost();
    kek_version_ = sidecar_kek_ + (hsm_is_lost_ ? 1 : 0);
    ASSIGN_OR_RETURN(store_, store::OpenSqlcipherStore(config_.store, *database_key_));
    return absl::OkStatus();
  }

  absl::Status Examine() {
    Step("comparing the store with its log and its checkpoints");
    ASSIGN_OR_RETURN(history_, keys::ReadKeyHistory(*store_));
    RETURN_IF_ERROR(CheckVerifierKey());
    ASSIGN_OR_RETURN(outside_,
                     audit::CheckpointDirectory::Open(journal_options_.checkpoint_directory));
    if (!hsm_is_lost_) RETURN_IF_ERROR(CheckLogIsOfToken());
    if (history_.restored_kek > sidecar_kek_) FindBrokenOffRun();
    if (!recorded_) RETURN_IF_ERROR(CheckAge());
    if (!hsm_is_lost_ && !superseded_at_.has_value()) return NothingIsLost();
    ASSIGN_OR_RETURN(const std::vector<store::KeyVersionRow> rows, store_->ListKeyVersions());
    RETURN_IF_ERROR(keys::CheckRowsAgainst(history_, rows));
    ASSIGN_OR_RETURN(const auto logged, keys::LoggedKeysDigest(*store_));
    if (logged.has_value() && *logged != keys::KeyRowsDigest(rows, {})) {
      return Error(Reason::kIntegrityFailure,
                   "the stored keys are not those that the log tells of");
    }
    ASSIGN_OR_RETURN(const auto partner_keys, store_->ListPartnerKeys());
    RETURN_IF_ERROR(keys::CheckLoggedPartnerKeys(*store_, partner_keys));
    Step("opening every key");
    restoration_.emplace(rows);
    return restoration_->Open(config_.deployment, *recovery_key_);
  }

  // The given key must be the log's, or one before it when earlier runs were broken off after they
  // had written the record of the change: each made a key version more than the sidecar knows.
  absl::Status CheckVerifierKey() {
    ASSIGN_OR_RETURN(const std::string file, ReadSmallFile(options_.verifier_key_file));
    const std::string given(absl::StripAsciiWhitespace(file));
    const audit::LogKeys& keys = history_.log_keys;
    last_verified_ = keys.current;
    bool known = given == keys.current;
    std::uint32_t kek = history_.restored_kek;
    for (const audit::LogKeys::Earlier& earlier : keys.earlier) {
      if (kek <= sidecar_kek_) break;
      --kek;
      last_verified_ = earlier.key;
      known = known || given == earlier.key;
    }
    if (known) return absl::OkStatus();
    return Error(Reason::kStoreForeign,
                 "the store's log is signed by another key than the given one: it is not the "
                 "deployment's, or the key is not its newest");
  }

  static absl::Status NothingIsLost() {
    return Error(Reason::kNothingToRestore,
                 "the token opens this deployment: nothing is lost, unless its store is an older "
                 "one and goes on with --accept-older-store");
  }

  // A token that is not lost signed this log. One that was replaced and came back did not.
  absl::Status CheckLogIsOfToken() {
    ASSIGN_OR_RETURN(const auto signer, keys::OpenCheckpointSigner(config_.deployment, *hsm_));
    if (history_.log_keys.current ==
        audit::VerifierKey(journal_options_.origin, signer->public_key())) {
      return absl::OkStatus();
    }
    return Error(Reason::kStoreForeign, "the store's log is signed by another token's key");
  }

  // The log has a restoration that the sidecar does not know: an earlier run made it and was broken
  // off. It is finished on the token that it was for, and made once more on another.
  void FindBrokenOffRun() {
    const auto signer = keys::OpenCheckpointSigner(config_.deployment, *hsm_);
    recorded_ =
        signer.ok() && history_.log_keys.current ==
                           audit::VerifierKey(journal_options_.origin, (*signer)->public_key());
    kek_version_ = history_.restored_kek + (recorded_ ? 0 : 1);
  }

  absl::Status CheckAge() {
    ASSIGN_OR_RETURN(const store::FrontierRow frontier, store_->ReadFrontier());
    ASSIGN_OR_RETURN(const auto beyond, outside_->FindBeyond(frontier.size, history_.log_keys));
    if (!beyond.has_value()) {
      ASSIGN_OR_RETURN(const auto newest, outside_->FindNewest(history_.log_keys));
      if (!newest.has_value()) {
        return Error(Reason::kRollbackDetected,
                     "there is no checkpoint outside to compare the store with");
      }
      return audit::CheckStoredLog(*store_, newest, history_.log_keys).status();
    }
    if (!options_.accept_older_store) {
      return Error(Reason::kRollbackDetected,
                   absl::StrCat("the store has ", frontier.size, " records, a checkpoint outside ",
                                beyond->checkpoint.size,
                                ": find the newest copy, or give up what is missing with "
                                "--accept-older-store"));
    }
    older_by_ = beyond->checkpoint.size - frontier.size;
    details_["accepted_older_store"] = "true";
    details_["superseded_size"] = absl::StrCat(beyond->checkpoint.size);
    details_["superseded_root"] = crypto::ToBase64(crypto::AsText(beyond->checkpoint.root));
    superseded_at_ = frontier.size;
    return CheckOlderStore(outside_->UpTo(frontier.size));
  }

  // The directory keeps the newest checkpoints only, so that of a backup's time there may be none
  // left; the store has its own last one, signed by the same key.
  absl::Status CheckOlderStore(const audit::CheckpointDirectory& earlier) {
    ASSIGN_OR_RETURN(auto newest, earlier.FindNewest(history_.log_keys));
    if (!newest.has_value()) {
      ASSIGN_OR_RETURN(const auto inner, store_->LatestCheckpoint());
      if (!inner.has_value()) {
        return Error(Reason::kRollbackDetected, "no checkpoint is as old as the store");
      }
      ASSIGN_OR_RETURN(const audit::Checkpoint checkpoint,
                       audit::OpenCheckpoint(inner->note, history_.log_keys));
      if (checkpoint.size != inner->size) {
        return Error(Reason::kIntegrityFailure, "a checkpoint is not what was written");
      }
      newest = {checkpoint, inner->note};
      own_checkpoint_ = *inner;
    }
    return audit::CheckStoredLog(*store_, std::move(newest), history_.log_keys).status();
  }

  absl::Status Change() {
    Step(hsm_is_lost_ ? "making the keys of the new token" : "keeping the keys of the token");
    RETURN_IF_ERROR(keys::EnsureHsmKeys(config_.deployment, kek_version_, *hsm_));
    ASSIGN_OR_RETURN(signer_, keys::OpenCheckpointSigner(config_.deployment, *hsm_));
    Step("writing the keys, with their record");
    audit::Restoration change;
    change.keys = history_.log_keys;
    change.recorded = recorded_;
    if (!recorded_) {
      keys::KeyWrapping wrapping(*hsm_, config_.deployment.name, kek_version_, certificate_.get());
      const keys::KeyVersionRows rows(*hsm_, config_.deployment.RegistryLabel());
      ASSIGN_OR_RETURN(restored_, restoration_->Rewrap(*hsm_, wrapping, rows, absl::Now()));
      change.details = details_;
      change.details.insert(restored_.details.begin(), restored_.details.end());
      change.details["kek_version"] = absl::StrCat(kek_version_);
      change.details["recovery_key"] = absl::BytesToHexString(certificate_->key_id());
      change.details["opened"] = absl::StrCat(restored_.opened);
      change.details["rotated"] = absl::StrCat(restored_.rotated.size());
      change.details["lost"] = absl::StrCat(restored_.lost.size());
      if (!hsm_is_lost_) change.details["token_kept"] = "true";
      change.items = restored_.items;
      change.mutation = std::move(restored_.mutation);
      ASSIGN_OR_RETURN(change.mutation.partner_keys, ReauthenticatedPartnerKeys());
      change.details["partner_keys"] = keys::PartnerKeyRowsDigest(change.mutation.partner_keys);
    }
    // A run that is broken off after this finds nothing to give up any more.
    if (older_by_ > 0) SayWhatIsGivenUp();
    if (superseded_at_.has_value()) {
      RETURN_IF_ERROR(outside_->Supersede(*superseded_at_));
    }
    // Afterwards, since a full directory gives up its oldest.
    if (own_checkpoint_.has_value()) {
      RETURN_IF_ERROR(outside_->Keep(own_checkpoint_->size, own_checkpoint_->note));
    }
    ASSIGN_OR_RETURN(
        const auto journal,
        audit::Journal::Restore(*store_, *signer_, journal_options_, std::move(change)));
    RETURN_IF_ERROR(journal->CheckpointNow().status());
    verifier_key_ = journal->verifier_key();
    journal->Stop();
    return absl::OkStatus();
  }

  // Their MACs are by a key of the token that the deployment has from now on.
  absl::StatusOr<std::vector<store::PartnerKeyRow>> ReauthenticatedPartnerKeys() {
    const keys::PartnerKeyRows authenticated(*hsm_, config_.deployment.RegistryLabel(),
                                             config_.deployment.environment);
    ASSIGN_OR_RETURN(std::vector<store::PartnerKeyRow> rows, store_->ListPartnerKeys());
    for (store::PartnerKeyRow& row : rows) {
      ASSIGN_OR_RETURN(row, authenticated.Reauthenticate(std::move(row)));
    }
    return rows;
  }

  absl::Status Finish() {
    Step("replacing the sidecar");
    RETURN_IF_ERROR(keys::WrapDatabaseKey(config_.deployment, *hsm_, kek_version_, *database_key_,
                                          certificate_.get()));
    Say(absl::StrCat("restored ", config_.deployment.name, " onto the token ",
                     config_.token.token_label));
    if (recorded_) {
      Say("an earlier run had written the keys; the log's record Log.Restored lists them");
    } else {
      Say(absl::StrCat("keys opened: ", restored_.opened));
      for (const std::string& name : restored_.rotated) Say("new version: " + name);
      for (const std::string& name : restored_.lost) {
        Say("lost with the HSM, must be issued again: " + name);
      }
      for (const std::string& name : restored_.given_up) {
        Say("made ahead and given up, since it may have signed: " + name);
      }
      for (const std::string& label : restored_.unknown) {
        Say("on the token, and not in the store: " + label);
      }
    }
    Say("checkpoints verified with " + last_verified_);
    Say("from now on they verify with " + verifier_key_);
    return absl::OkStatus();
  }

  // Digits that are drawn are kept from being drawn again by the rows of their tokens alone.
  void SayWhatIsGivenUp() const {
    Say(absl::StrCat("records given up with the older store: ", older_by_));
    for (const tokenizer::Profile& profile : config_.profiles) {
      if (!tokenizer::IsDrawn(profile.family)) continue;
      Say(absl::StrCat("tokens made in them may be made again, for other cards: ",
                       profile.ResourceName()));
    }
  }

  const Config& config_;
  const RestoreOptions& options_;
  audit::JournalOptions journal_options_;
  int step_ = 0;

  std::unique_ptr<crypto::RecoveryCertificate> certificate_;
  std::unique_ptr<crypto::RecoveryKey> recovery_key_;
  std::optional<crypto::SecretKey<32>> database_key_;
  std::uint32_t sidecar_kek_ = 0;
  std::uint32_t kek_version_ = 0;  // of the restored deployment
  bool hsm_is_lost_ = true;        // otherwise only the newest records are
  std::unique_ptr<pkcs11::Hsm> hsm_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<audit::CheckpointSigner> signer_;
  keys::KeyHistory history_;
  std::string last_verified_;  // the key of the last run that was no broken-off restoration
  std::optional<audit::CheckpointDirectory> outside_;
  bool recorded_ = false;  // by an earlier run
  std::optional<std::uint64_t> superseded_at_;
  std::optional<store::CheckpointRow> own_checkpoint_;  // of the older store, to be kept outside
  std::uint64_t older_by_ = 0;
  std::map<std::string, std::string> details_;
  std::optional<keys::Restoration> restoration_;
  keys::RestoredKeys restored_;
  std::string verifier_key_;
};

}  // namespace

absl::Status Restore(const Config& config, const RestoreOptions& options) {
  ASSIGN_OR_RETURN(const auto policy, policy::LoadPolicy(config.policy_file));
  const policy::Gate gate(policy);
  const HeadFacts facts;
  return Run(config, options, JournalOptionsOf(config, gate, facts)).All();
}

}  // namespace keysvc
