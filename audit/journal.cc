#include "audit/journal.h"

#include <future>
#include <mutex>
#include <optional>
#include <utility>

#include "audit/checkpoint_directory.h"
#include "audit/checkpointer.h"
#include "audit/leaf.h"
#include "audit/stored_log.h"
#include "audit/writer.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::audit {

class Journal::Impl {
 public:
  Impl(store::Store& store, JournalOptions options, std::string verifier_key, const StoredLog& log)
      : options_(std::move(options)),
        verifier_key_(std::move(verifier_key)),
        writer_(store,
                WriterOptions{options_.answer_within, options_.queue_limit, options_.actor_limit,
                              options_.group_limit, options_.clock, options_.steady, log.last_time},
                log.frontier) {}

  void PrepareCheckpoints(CheckpointSigner& signer, CheckpointDirectory outside,
                          const std::optional<CheckpointDirectory::Newest>& newest) {
    checkpointer_.emplace(writer_, signer, std::move(outside), newest,
                          CheckpointerOptions{options_.origin, options_.checkpoint_interval,
                                              options_.clock, options_.head_details});
    if (!options_.hold_checkpoints) checkpointer_->Begin();
  }

  void Submit(Entry entry, store::Mutation mutation, Callback done) {
    Submission submission;
    submission.entry = std::move(entry);
    submission.mutation = std::move(mutation);
    submission.done = [done = std::move(done)](absl::StatusOr<Written> written) mutable {
      if (!written.ok()) return done(std::move(written).status());
      done(MakeReceipt(written->index));
    };
    writer_.Submit(std::move(submission));
  }

  void Stop() {
    const std::lock_guard lock(stop_mutex_);
    writer_.Close();
    if (checkpointer_.has_value()) checkpointer_->Finish();
    writer_.Stop();
  }

  void set_start(Entry start) { start_ = std::move(start); }
  const Entry& start() const { return start_; }
  const JournalOptions& options() const { return options_; }
  Checkpointer& checkpointer() { return *checkpointer_; }
  const Writer& writer() const { return writer_; }
  const std::string& verifier_key() const { return verifier_key_; }

 private:
  const JournalOptions options_;
  const std::string verifier_key_;
  Entry start_;
  Writer writer_;
  std::optional<Checkpointer> checkpointer_;  // goes before the writer it uses
  std::mutex stop_mutex_;
};

namespace {

Entry StartEntry(const StoredLog& log, const std::string& verifier_key) {
  Entry entry;
  entry.actor = "system";
  entry.details["checked_in_ms"] = std::to_string(absl::ToInt64Milliseconds(log.checked_in));
  entry.details["verifier_key"] = verifier_key;
  if (log.frontier.size() == 0) {
    entry.action = "Log.Init";
  } else {
    entry.action = log.ended_cleanly ? "Log.Start" : "Log.Recovered";
    entry.details["last_index"] = std::to_string(log.frontier.size() - 1);
    entry.details["last_time"] = LogTime(log.last_time);
    const std::uint64_t witnessed = log.newest.has_value() ? log.newest->checkpoint.size : 0;
    entry.details["since_checkpoint"] = std::to_string(log.frontier.size() - witnessed);
  }
  return entry;
}

// A restoration moves the checkpoints that an older store contradicts before it writes its record.
// Where it was broken off in between, the store is an older one still.
absl::Status CheckNoneSuperseded(const CheckpointDirectory& outside, std::uint64_t size,
                                 const LogKeys& keys) {
  ASSIGN_OR_RETURN(const auto beyond, outside.FindBeyond(size, keys));
  if (!beyond.has_value()) return absl::OkStatus();
  return Error(Reason::kRollbackDetected,
               "the store is older than a checkpoint that a restoration has moved: it was broken "
               "off, run it again");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Journal>> Journal::Start(store::Store& store,
                                                        CheckpointSigner& signer,
                                                        JournalOptions options) {
  return StartWith(store, signer, std::move(options), nullptr);
}

absl::StatusOr<std::unique_ptr<Journal>> Journal::Restore(store::Store& store,
                                                          CheckpointSigner& signer,
                                                          JournalOptions options,
                                                          Restoration restoration) {
  return StartWith(store, signer, std::move(options), &restoration);
}

absl::StatusOr<std::unique_ptr<Journal>> Journal::StartWith(store::Store& store,
                                                            CheckpointSigner& signer,
                                                            JournalOptions options,
                                                            Restoration* restoration) {
  if (!IsLogName(options.origin)) {
    return Error(Reason::kConfigInvalid, "the log's origin must have no spaces and no '+'");
  }
  const std::string verifier_key = VerifierKey(options.origin, signer.public_key());
  ASSIGN_OR_RETURN(CheckpointDirectory outside,
                   CheckpointDirectory::Open(options.checkpoint_directory));
  const LogKeys keys = restoration != nullptr ? restoration->keys : LogKeys{verifier_key};
  ASSIGN_OR_RETURN(auto newest, outside.FindNewest(keys));
  ASSIGN_OR_RETURN(const StoredLog log,
                   CheckStoredLog(store, std::move(newest), keys, options.check_progress));
  if (restoration == nullptr) {
    RETURN_IF_ERROR(CheckNoneSuperseded(outside, log.frontier.size(), keys));
  }

  std::unique_ptr<Journal> journal(
      new Journal(std::make_unique<Impl>(store, std::move(options), verifier_key, log)));
  Entry first = StartEntry(log, verifier_key);
  first.details.merge(std::map(journal->impl_->options().start_details));
  store::Mutation mutation;
  if (restoration != nullptr && !restoration->recorded) {
    first.action = "Log.Restored";
    first.details.merge(restoration->details);
    first.details["old_verifier_key"] = keys.current;
    first.items = std::move(restoration->items);
    mutation = std::move(restoration->mutation);
  }
  journal->impl_->set_start(first);
  if (!journal->Record(std::move(first), std::move(mutation)).ok()) {
    return Error(Reason::kAuditUnavailable,
                 "the start cannot be recorded; is the database's disk full, or failing?");
  }
  journal->impl_->PrepareCheckpoints(signer, std::move(outside), log.newest);
  return journal;
}

Journal::Journal(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Journal::~Journal() { Stop(); }

void Journal::Submit(Entry entry, store::Mutation mutation, Callback done) {
  impl_->Submit(std::move(entry), std::move(mutation), std::move(done));
}

absl::StatusOr<Receipt> Journal::Record(Entry entry, store::Mutation mutation) {
  std::promise<absl::StatusOr<Receipt>> promise;
  std::future<absl::StatusOr<Receipt>> answer = promise.get_future();
  Submit(std::move(entry), std::move(mutation),
         [promise = std::move(promise)](absl::StatusOr<Receipt> receipt) mutable {
           promise.set_value(std::move(receipt));
         });
  return answer.get();
}

void Journal::BeginCheckpoints() { impl_->checkpointer().Begin(); }
absl::StatusOr<std::string> Journal::CheckpointNow() { return impl_->checkpointer().MakeNow(); }
std::string Journal::LatestCheckpoint() const { return impl_->checkpointer().latest(); }
absl::Time Journal::last_checkpoint() const { return impl_->checkpointer().latest_time(); }
const Entry& Journal::start() const { return impl_->start(); }
const std::string& Journal::verifier_key() const { return impl_->verifier_key(); }
bool Journal::healthy() const { return impl_->writer().healthy(); }
Journal::Progress Journal::progress() const {
  const audit::Progress progress = impl_->writer().progress();
  return {.leaves = progress.leaves,
          .tokens = progress.tokens,
          .token_changes = progress.token_changes};
}
absl::Time Journal::UnsteppedTime() const { return impl_->writer().UnsteppedTime(); }
absl::Time Journal::SteadyTime() const { return impl_->writer().SteadyTime(); }
void Journal::Stop() { impl_->Stop(); }

}  // namespace keysvc::audit
