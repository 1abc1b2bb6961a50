#include "keysvc/opened_deployment.h"

#include <cstdint>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "audit/clock_quality.h"
#include "crypto/kdf.h"
#include "keysvc/keys/deployment.h"
#include "keysvc/keys/recovery_copies.h"
#include "keysvc/say.h"
#include "status/macros.h"
#include "store/idempotency_ends.h"
#include "store/sqlcipher_store.h"
#include "store/write_ahead_log.h"

namespace keysvc {

audit::JournalOptions JournalOptionsOf(const Config& config, const policy::Gate& gate,
                                       const HeadFacts& facts) {
  audit::JournalOptions options;
  options.origin = config.audit_origin;
  options.checkpoint_directory = config.checkpoint_directory;
  options.checkpoint_interval = config.checkpoint_interval;
  options.head_details = [&gate, &facts, environment = config.deployment.environment] {
    HeadFacts::Facts details = facts.Get();
    details.merge(audit::ClockQuality());
    details["environment"] = environment;
    details["policy"] = gate.policy()->digest;
    return details;
  };
  return options;
}

absl::StatusOr<std::unique_ptr<OpenedDeployment>> OpenedDeployment::Open(const Config& config,
                                                                         pkcs11::Hsm& hsm,
                                                                         For what) {
  ASSIGN_OR_RETURN(const auto policy, policy::LoadPolicy(config.policy_file));
  std::unique_ptr<OpenedDeployment> opened(new OpenedDeployment(config, hsm, policy));
  ASSIGN_OR_RETURN(opened->recovery_, LoadRecoveryCertificate(config));

  ASSIGN_OR_RETURN(auto database_key, keys::OpenDatabaseKey(config.deployment, hsm));
  ASSIGN_OR_RETURN(const auto id_key, crypto::DeriveKey(database_key, "keysvc recorded id 1"));
  ASSIGN_OR_RETURN(opened->recorded_id_mac_, crypto::HmacSha256::Create(id_key));
  ASSIGN_OR_RETURN(const std::uint32_t kek_version, keys::KekVersionOf(config.deployment));
  opened->left_behind_.log_pages = store::PagesInWriteAheadLog(config.store.path);
  ASSIGN_OR_RETURN(opened->store_, store::OpenSqlcipherStore(config.store, database_key));
  if (what == For::kService) {
    RETURN_IF_ERROR(
        keys::CheckRecoveryCopies(config.deployment, *opened->store_, opened->recovery_.get()));
    RETURN_IF_ERROR(store::VisitIdempotencyEnds(
        config.store, database_key, [&](std::string_view principal, std::int64_t expires_ms) {
          opened->nonce_places_.CountStored(principal, expires_ms);
        }));
  }
  ASSIGN_OR_RETURN(opened->left_behind_.unfinished, FindUnfinished(*opened->store_));

  ASSIGN_OR_RETURN(opened->signer_, keys::OpenCheckpointSigner(config.deployment, hsm));
  audit::JournalOptions options = JournalOptionsOf(config, opened->gate_, opened->facts_);
  options.start_details = opened->left_behind_.Details();
  options.hold_checkpoints = what == For::kService;
  options.check_progress.tell = [](std::uint64_t leaves) {
    Say(absl::StrCat("checking the log: ", leaves, " records so far"));
  };
  ASSIGN_OR_RETURN(opened->journal_,
                   audit::Journal::Start(*opened->store_, *opened->signer_, std::move(options)));
  opened->wrapping_.emplace(hsm, config.deployment.name, kek_version, opened->recovery_.get());
  return opened;
}

OpenedDeployment::~OpenedDeployment() {
  // The journal's last head comes when the keys are gone already.
  facts_.Attest(nullptr);
}

absl::Status OpenedDeployment::LoadKeys() {
  ASSIGN_OR_RETURN(keys_, keys::KeyRegistry::Load(hsm_, *wrapping_, *store_, *journal_,
                                                  config_.deployment.environment));
  ASSIGN_OR_RETURN(partner_keys_, keys::PartnerKeys::Load({*keys_, *store_, *journal_},
                                                          {hsm_, config_.deployment.RegistryLabel(),
                                                           config_.deployment.environment}));
  delivery_ = std::make_unique<keys::KeyDelivery>(
      keys::KeyDelivery::Services{*keys_, *partner_keys_, hsm_, *store_, *journal_});
  return delivery_->Settle();
}

absl::Status OpenedDeployment::Check(const tokenizer::Profiles& profiles,
                                     tokenizer::KeySource& opened_keys, CheckDepth depth) {
  ASSIGN_OR_RETURN(const tokenizer::StoredTokens tokens,
                   CheckStore(*store_, *journal_, *keys_, profiles, opened_keys, depth, Say));
  facts_.Attest([this, tokens] {
    HeadFacts::Facts facts = StoreFacts(*keys_, *partner_keys_, *journal_, tokens);
    facts.merge(delivery_->HeadFacts());
    return facts;
  });
  journal_->BeginCheckpoints();
  return absl::OkStatus();
}

}  // namespace keysvc
