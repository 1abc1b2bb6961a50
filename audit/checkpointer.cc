#include "audit/checkpointer.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <utility>

#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::audit {
namespace {

constexpr absl::Duration kRetryWithin = absl::Seconds(1);
constexpr absl::Duration kLongestPause = absl::Hours(24);  // what the condition variable can count
constexpr std::chrono::seconds kMakeNowWithin(10);

}  // namespace

Checkpointer::Checkpointer(Writer& writer, CheckpointSigner& signer, CheckpointDirectory outside,
                           const std::optional<CheckpointDirectory::Newest>& newest,
                           CheckpointerOptions options)
    : writer_(writer), signer_(signer), options_(std::move(options)), outside_(std::move(outside)) {
  if (newest.has_value()) {
    latest_ = newest->note;
    head_ = newest->checkpoint;
    signed_ = head_.size;
  }
}

Checkpointer::~Checkpointer() { Finish(); }

void Checkpointer::Begin() {
  const std::lock_guard lock(mutex_);
  if (begun_ || stopping_) return;
  begun_ = true;
  thread_ = std::thread([this] { Run(); });
}

absl::StatusOr<std::string> Checkpointer::MakeNow() {
  std::unique_lock lock(mutex_);
  if (stopping_) return Error(Reason::kShuttingDown, "the service is shutting down");
  if (!begun_) return Error(Reason::kAuditUnavailable, "no checkpoint is made yet");
  const std::uint64_t ticket = ++requests_;
  wakes_.notify_one();
  if (!made_.wait_for(lock, kMakeNowWithin, [&] { return served_ >= ticket || ended_; })) {
    return Error(Reason::kAuditUnavailable, "making a checkpoint takes too long");
  }
  RETURN_IF_ERROR(status_);
  return latest_;
}

std::string Checkpointer::latest() const {
  const std::lock_guard lock(mutex_);
  return latest_;
}

absl::Time Checkpointer::latest_time() const {
  const std::lock_guard lock(mutex_);
  return latest_time_;
}

void Checkpointer::Finish() {
  bool only_leaf = false;
  {
    const std::lock_guard lock(mutex_);
    only_leaf = !begun_ && !stopping_;
    stopping_ = true;
  }
  wakes_.notify_all();
  // The next start takes a log without it for one that was broken off.
  if (only_leaf) WriteHead("Log.Stop").IgnoreError();
  if (thread_.joinable()) thread_.join();
}

void Checkpointer::Run() {
  std::unique_lock lock(mutex_);
  absl::Duration pause = absl::ZeroDuration();
  while (!ended_) {
    wakes_.wait_for(lock, absl::ToChronoNanoseconds(pause),
                    [this] { return stopping_ || requests_ > served_; });
    const std::uint64_t request = requests_;
    const bool last = stopping_;
    lock.unlock();
    absl::Status status = Make(last ? "Log.Stop" : "Log.Head");
    lock.lock();
    pause = std::min(options_.interval, status.ok() ? kLongestPause : kRetryWithin);
    served_ = request;
    status_ = std::move(status);
    ended_ = last;
    made_.notify_all();
  }
}

absl::Status Checkpointer::Make(std::string_view action) {
  // A head leaf whose signature failed is signed now, unless the log has grown since.
  if (action == "Log.Stop" || writer_.HasLeafAfter(head_.size)) {
    RETURN_IF_ERROR(WriteHead(action));
  }
  if (head_.size == signed_) return absl::OkStatus();

  ASSIGN_OR_RETURN(const std::string note, SignCheckpoint(head_, signer_));
  RETURN_IF_ERROR(outside_.Keep(head_.size, note));
  signed_ = head_.size;
  {
    const std::lock_guard lock(mutex_);
    latest_ = note;
    latest_time_ = options_.clock();
  }
  Submission copy;
  copy.checkpoint = store::CheckpointRow{head_.size, note};
  return Write(std::move(copy)).status();
}

absl::Status Checkpointer::WriteHead(std::string_view action) {
  Submission head;
  head.entry.emplace();
  head.entry->action = action;
  head.entry->actor = "system";
  if (options_.head_details) head.entry->details = options_.head_details();
  head.wants_tree = true;
  ASSIGN_OR_RETURN(const Written written, Write(std::move(head)));
  head_ = Checkpoint{options_.origin, written.tree->size(), written.tree->Root()};
  return absl::OkStatus();
}

absl::StatusOr<Written> Checkpointer::Write(Submission submission) {
  std::promise<absl::StatusOr<Written>> promise;
  std::future<absl::StatusOr<Written>> answer = promise.get_future();
  submission.done = [promise = std::move(promise)](absl::StatusOr<Written> written) mutable {
    promise.set_value(std::move(written));
  };
  writer_.SubmitOwn(std::move(submission));
  return answer.get();
}

}  // namespace keysvc::audit
