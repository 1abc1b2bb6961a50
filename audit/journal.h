#ifndef KEYSVC_AUDIT_JOURNAL_H_
#define KEYSVC_AUDIT_JOURNAL_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "audit/checkpoint.h"
#include "audit/clock_watch.h"
#include "audit/entry.h"
#include "audit/stored_log.h"
#include "store/store.h"

namespace keysvc::audit {

// Proof that a record is durable. Only the journal makes one, a reply takes one, and it moves but
// never copies: an answer without its record does not compile.
class Receipt {
 public:
  Receipt(Receipt&&) noexcept = default;
  Receipt& operator=(Receipt&&) noexcept = default;
  Receipt(const Receipt&) = delete;
  Receipt& operator=(const Receipt&) = delete;

  std::uint64_t index() const { return index_; }

 private:
  friend class Journal;
  explicit Receipt(std::uint64_t index) : index_(index) {}
  std::uint64_t index_;
};

// What became of a call: the record that was made of it, and its value or error.
template <typename T>
struct Recorded {
  Receipt receipt;
  absl::StatusOr<T> value;
};

// How a domain call answers. The outer error means that no record could be made, or that it is
// unknown whether one was: nothing may be revealed then.
template <typename T>
using Done = absl::AnyInvocable<void(absl::StatusOr<Recorded<T>>)>;

// Answers a call: with its value once the record is durable, else with the journal's error.
template <typename T>
void Complete(absl::StatusOr<Receipt> receipt, absl::StatusOr<T> value, Done<T>& done) {
  if (!receipt.ok()) return done(std::move(receipt).status());
  done(Recorded<T>{*std::move(receipt), std::move(value)});
}

struct JournalOptions {
  std::string origin;                // the log's name in checkpoints, e.g. "keysvc.example/dev-1"
  std::string checkpoint_directory;  // where checkpoints are kept outside the database
  absl::Duration checkpoint_interval = absl::Seconds(10);
  bool hold_checkpoints = false;                    // until BeginCheckpoints()
  absl::Duration answer_within = absl::Seconds(2);  // then a waiting caller hears UNAVAILABLE
  std::size_t queue_limit = 4096;
  std::size_t actor_limit = 1024;  // how much of the queue one actor's records may take
  std::size_t group_limit = 1000;  // token and key rows, or records without any, per transaction
  std::function<absl::Time()> clock = absl::Now;       // thread-safe
  std::function<absl::Duration()> steady = SinceBoot;  // thread-safe; nobody sets this one
  LogProgress check_progress;                          // of the start, which reads the whole log
  // Facts recorded with the start, besides what the journal itself finds.
  std::map<std::string, std::string> start_details;
  // Facts recorded in the HEAD leaf before each checkpoint (policy digest, clock quality). May be
  // empty.
  std::function<std::map<std::string, std::string>()> head_details;
};

// How a log goes on whose audit key was lost with the HSM, or whose newest records were lost.
struct Restoration {
  LogKeys keys;           // of the log as it is stored
  bool recorded = false;  // by an earlier run, which ended before the new key's first checkpoint
  std::map<std::string, std::string> details;  // recorded besides the verifier keys
  std::vector<Item> items;
  store::Mutation mutation;
};

// The only way to write. Takes a change with its record, groups what is waiting, extends the Merkle
// tree, commits once and then completes all. One thread owns the store's writer; a second signs
// checkpoints, off the writer's path. Thread-safe.
//
// Start refuses (DATA_LOSS/ROLLBACK_DETECTED) a store that is older than the newest checkpoint kept
// outside, or than one that a restoration moved there and did not record, or whose log differs from
// it, and (DATA_LOSS/INTEGRITY_FAILURE) one whose leaves and frontier disagree. It records Log.Init
// for a new log, Log.Start after a clean stop and Log.Recovered after any other end;
// UNAVAILABLE/AUDIT_UNAVAILABLE when it cannot.
class Journal {
 public:
  static absl::StatusOr<std::unique_ptr<Journal>> Start(store::Store& store,
                                                        CheckpointSigner& signer,
                                                        JournalOptions options);
  // As Start, for a log whose checkpoints are by another key than the signer's, or that goes on
  // from an older copy. Its first record is Log.Restored, which names both keys and comes with the
  // mutation; from then on only the signer's checkpoints count. One that is recorded already is not
  // recorded again.
  static absl::StatusOr<std::unique_ptr<Journal>> Restore(store::Store& store,
                                                          CheckpointSigner& signer,
                                                          JournalOptions options,
                                                          Restoration restoration);
  // Stop(), if nobody did.
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Called once: with a Receipt when entry and mutation are durable; ABORTED/CONFLICT when the
  // mutation's conditions failed (nothing was written, not even the entry: look again and submit
  // again); UNAVAILABLE/AUDIT_UNAVAILABLE when it could not be written, UNAVAILABLE/OUTCOME_UNKNOWN
  // when that is not known in time, RESOURCE_EXHAUSTED/OVERLOADED when too many wait, in
  // all or of this actor,
  // UNAVAILABLE/SHUTTING_DOWN after Stop. Runs outside any lock, on a journal thread or, for what
  // is refused at once, inside Submit; it must be short and may submit again.
  using Callback = absl::AnyInvocable<void(absl::StatusOr<Receipt>)>;
  void Submit(Entry entry, store::Mutation mutation, Callback done);

  // Submit and wait. Not from a journal callback.
  absl::StatusOr<Receipt> Record(Entry entry, store::Mutation mutation = {});

  // Makes checkpoints from now on, the first at once; where they are held. A checkpoint outside
  // says that a store which lacks its records is an older one: whoever finds fault with the store
  // must not have made any. Idempotent.
  void BeginCheckpoints();

  // Writes and signs a checkpoint that covers every record submitted before the call. Blocks until
  // it is kept, at most 10 seconds; the signer's error, or UNAVAILABLE/AUDIT_UNAVAILABLE,
  // also while checkpoints are held.
  absl::StatusOr<std::string> CheckpointNow();
  // The newest checkpoint (a C2SP signed note). Empty while a new log's first is being made.
  std::string LatestCheckpoint() const;
  // When this process last made a checkpoint; InfinitePast while it has not. Its age tells whether
  // the signer works.
  absl::Time last_checkpoint() const;
  // What the start was recorded as: Log.Init, Log.Start or Log.Recovered, with all details.
  const Entry& start() const;
  // The key that verifies checkpoints, in the C2SP vkey form.
  const std::string& verifier_key() const;

  // Whether the last write worked; false while the log is away. It comes back by itself, and then
  // records Log.Outage with the start, the end, and how many were refused or left in doubt.
  bool healthy() const;

  // How many leaves the log has, and how many token rows, and changes of them, came with those that
  // this process wrote; at least so many, when it was unknown for a while what became of a commit.
  struct Progress {
    std::uint64_t leaves = 0;
    std::uint64_t tokens = 0;
    std::uint64_t token_changes = 0;
  };
  Progress progress() const;

  // The wall clock without the steps that set it forward since this process started, by which the
  // writer judges whether kept answers have ended. Look-ups of them go by it too: by the wall
  // clock, one after such a step would miss an answer that the writer then meets.
  absl::Time UnsteppedTime() const;
  // The wall clock as it would be had nobody set it since this process started: how much time has
  // passed, whatever it shows.
  absl::Time SteadyTime() const;

  // Finishes what was submitted, records Log.Stop, makes a last checkpoint unless they are held,
  // ends the threads. Idempotent, and thread-safe; not from a journal callback.
  void Stop();

 private:
  class Impl;
  explicit Journal(std::unique_ptr<Impl> impl);
  static absl::StatusOr<std::unique_ptr<Journal>> StartWith(store::Store& store,
                                                            CheckpointSigner& signer,
                                                            JournalOptions options,
                                                            Restoration* restoration);
  static Receipt MakeReceipt(std::uint64_t index) { return Receipt(index); }
  std::unique_ptr<Impl> impl_;
};

}  // namespace keysvc::audit

#endif  // KEYSVC_AUDIT_JOURNAL_H_
