#ifndef KEYSVC_AUDIT_WRITER_H_
#define KEYSVC_AUDIT_WRITER_H_

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "audit/clock_watch.h"
#include "audit/entry.h"
#include "audit/leaf.h"
#include "audit/merkle.h"
#include "store/store.h"

namespace keysvc::audit {

// What a submission became: its leaf, and the tree right after it when that was asked for.
struct Written {
  std::uint64_t index = 0;
  std::optional<Frontier> tree;
};

// How far the log has come, as of one moment.
struct Progress {
  std::uint64_t leaves = 0;
  // Rows written, and changes of rows, with records below `leaves` since this process started;
  // fewer when it was unknown for a while what became of a commit.
  std::uint64_t tokens = 0;
  std::uint64_t token_changes = 0;
};

struct Submission {
  std::optional<Entry> entry;  // absent only with a bare checkpoint, which is no leaf
  store::Mutation mutation;
  std::optional<store::CheckpointRow> checkpoint;
  bool wants_tree = false;
  absl::AnyInvocable<void(absl::StatusOr<Written>)> done;
};

struct WriterOptions {
  absl::Duration answer_within;
  std::size_t queue_limit = 0;
  std::size_t actor_limit = 0;  // how much of the queue one actor's records may take
  std::size_t group_limit = 0;
  std::function<absl::Time()> clock;
  std::function<absl::Duration()> steady;
  absl::Time newest;  // of the records that are stored; a clock behind it was set back
};

// The thread that owns the store's writer, and the watchdog that answers for it when it is stuck.
//
// A submission is waiting, then in flight (its group is being written), then answered; it is
// answered once, by whoever takes its callback under the lock. While the log is away (the outage)
// nothing waits: everything is refused until the writer has opened the store again, knows what
// became of the last commit, and has recorded the outage itself. A step of the wall clock is
// recorded (Log.ClockStep) before the first record that has a time after it. Thread-safe.
class Writer {
 public:
  // `frontier` is the tree as it is stored.
  Writer(store::Store& store, WriterOptions options, Frontier frontier);
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Answers as Journal::Submit does. A refusal is answered before Submit returns.
  void Submit(Submission submission);
  // For the journal's own records: neither the queue's limit nor Close() stops it.
  void SubmitOwn(Submission submission);

  // Whether the log has, or is about to get, a leaf after the first `size`; a step of the clock
  // that is still to be recorded counts for one.
  bool HasLeafAfter(std::uint64_t size) const;
  bool healthy() const;
  Progress progress() const;
  // As Journal::UnsteppedTime.
  absl::Time UnsteppedTime() const;
  // As Journal::SteadyTime.
  absl::Time SteadyTime() const;

  // From now on only the journal's own records are taken.
  void Close();
  // Writes what is waiting and ends the threads. Idempotent.
  void Stop();

 private:
  using Clock = std::chrono::steady_clock;
  using Callback = absl::AnyInvocable<void(absl::StatusOr<Written>)>;
  using Answers = std::vector<std::pair<Callback, absl::StatusOr<Written>>>;

  // `done` belongs to the lock; once in flight, the rest belongs to the writer thread.
  struct Pending {
    Submission submission;
    std::optional<LeafBody> body;  // of the entry, if there is one
    Clock::time_point deadline;
  };
  using Group = std::vector<std::unique_ptr<Pending>>;
  using Results = std::vector<absl::StatusOr<Written>>;

  struct Outage {
    absl::Time start;
    std::uint64_t refused = 0;  // told that they were not recorded
    std::uint64_t unknown = 0;  // told that this is not known
  };

  enum class Fate { kWritten, kNotWritten, kUnknown };

  enum class Source { kCaller, kJournal };
  void Enqueue(Submission submission, Source source);
  absl::Status RefusalLocked(Source source, std::string_view actor);
  // One more, or one less, of this actor's waits.
  void CountLocked(std::string_view actor);
  void ForgetLocked(std::string_view actor);

  void RunWriter();
  // Takes what waits into the group in flight, as far as its limit lets it.
  void TakeGroupLocked();
  // The same while the group is being filled; whether anything came.
  bool TakeMore();
  Fate WriteGroup(const Group& group, Results& results);
  absl::Status Fill(store::WriteTransaction& transaction, const Group& group, Frontier& tree,
                    Results& results);
  Fate Resolve();
  void Settle(Fate fate, Results results);
  void Recover();
  Fate RecordOutage();

  void RunWatchdog();
  std::optional<Clock::time_point> NextDeadlineLocked() const;
  void ExpireLocked(Clock::time_point now, Answers& answers);
  void StartOutageLocked(Answers& answers);
  static void Answer(Answers answers);

  ClockWatch::Reading ReadClocks() const { return {options_.clock(), options_.steady()}; }
  void KeepTree(Frontier tree);

  store::Store& store_;
  const WriterOptions options_;

  mutable std::mutex mutex_;
  std::condition_variable writer_wakes_;
  std::condition_variable watchdog_wakes_;
  std::deque<std::unique_ptr<Pending>> waiting_;
  std::map<std::string, std::size_t, std::less<>> waiting_of_;  // by actor, of those with any
  Group in_flight_;
  std::optional<Outage> outage_;
  std::uint64_t size_;  // of the tree as it is stored
  Progress progress_;   // all but its leaves, which are `size_`
  ClockWatch clock_watch_;
  bool watchdog_idle_ = true;
  bool closed_ = false;
  bool stopping_ = false;
  bool writer_ended_ = false;

  // The writer thread's own.
  std::size_t group_rows_ = 0;          // of the group in flight
  Frontier frontier_;                   // the tree as it is known to be stored
  std::optional<Frontier> unresolved_;  // what it is instead, if the last commit took effect
  ClockWatch::Reading clocks_;          // when the last group was filled

  std::thread writer_;
  std::thread watchdog_;
};

}  // namespace keysvc::audit

#endif  // KEYSVC_AUDIT_WRITER_H_
