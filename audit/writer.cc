#include "audit/writer.h"

#include <pthread.h>

#include <algorithm>
#include <string>

#include "audit/leaf.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::audit {
namespace {

constexpr std::chrono::milliseconds kFirstRetry(20);
constexpr std::chrono::milliseconds kLongestRetry(1000);

absl::Status Away() { return Error(Reason::kAuditUnavailable, "the audit log is away"); }
absl::Status Unknown() {
  return Error(Reason::kOutcomeUnknown, "it is not known whether the record was written");
}

Entry EntryOf(const ClockWatch::Step& step) {
  Entry entry;
  entry.action = "Log.ClockStep";
  entry.actor = "system";
  entry.details = {{"from", LogTime(step.from)}, {"to", LogTime(step.to)}};
  return entry;
}

// Whose share of the queue it takes; empty for what has no record.
std::string_view ActorOf(const Submission& submission) {
  return submission.entry.has_value() ? std::string_view(submission.entry->actor) : "";
}

std::size_t RowsOf(const Submission& submission) {
  return std::max<std::size_t>(1, submission.mutation.rows());
}

}  // namespace

Writer::Writer(store::Store& store, WriterOptions options, Frontier frontier)
    : store_(store),
      options_(std::move(options)),
      size_(frontier.size()),
      clock_watch_({std::max(options_.newest, options_.clock()), options_.steady()}),
      frontier_(std::move(frontier)),
      clocks_(ReadClocks()),
      writer_([this] { RunWriter(); }),
      watchdog_([this] { RunWatchdog(); }) {}

Writer::~Writer() { Stop(); }

void Writer::Submit(Submission submission) { Enqueue(std::move(submission), Source::kCaller); }

void Writer::SubmitOwn(Submission submission) { Enqueue(std::move(submission), Source::kJournal); }

void Writer::Enqueue(Submission submission, Source source) {
  auto pending = std::make_unique<Pending>();
  pending->submission = std::move(submission);
  // On the caller's thread: there are several of them, and only one writer.
  if (const auto& entry = pending->submission.entry) pending->body = MakeLeafBody(*entry);
  pending->deadline = Clock::now() + absl::ToChronoNanoseconds(options_.answer_within);
  absl::Status refusal;
  {
    const std::lock_guard lock(mutex_);
    const std::string_view actor = ActorOf(pending->submission);
    refusal = RefusalLocked(source, actor);
    if (refusal.ok()) {
      CountLocked(actor);
      waiting_.push_back(std::move(pending));
      if (waiting_.size() == 1) writer_wakes_.notify_one();
      if (watchdog_idle_) watchdog_wakes_.notify_one();
      return;
    }
  }
  pending->submission.done(std::move(refusal));
}

absl::Status Writer::RefusalLocked(Source source, std::string_view actor) {
  if (stopping_ || (closed_ && source == Source::kCaller)) {
    return Error(Reason::kShuttingDown, "the service is shutting down");
  }
  if (outage_.has_value()) {
    ++outage_->refused;
    return Away();
  }
  if (source == Source::kJournal) return absl::OkStatus();
  const auto own = waiting_of_.find(actor);
  // Else one caller of cheap calls fills the queue, and the work of all others is lost.
  if (waiting_.size() >= options_.queue_limit ||
      (own != waiting_of_.end() && own->second >= options_.actor_limit)) {
    return Error(Reason::kOverloaded, "too many records are waiting to be written");
  }
  return absl::OkStatus();
}

void Writer::CountLocked(std::string_view actor) {
  const auto own = waiting_of_.find(actor);
  if (own != waiting_of_.end()) {
    ++own->second;
  } else {
    waiting_of_.emplace(actor, 1);
  }
}

void Writer::ForgetLocked(std::string_view actor) {
  const auto own = waiting_of_.find(actor);
  if (--own->second == 0) waiting_of_.erase(own);
}

bool Writer::HasLeafAfter(std::uint64_t size) const {
  const std::lock_guard lock(mutex_);
  return size_ > size || !waiting_.empty() || !in_flight_.empty() ||
         clock_watch_.StepBefore(ReadClocks()).has_value();
}

Progress Writer::progress() const {
  const std::lock_guard lock(mutex_);
  return {.leaves = size_, .tokens = progress_.tokens, .token_changes = progress_.token_changes};
}

bool Writer::healthy() const {
  const std::lock_guard lock(mutex_);
  return !outage_.has_value();
}

absl::Time Writer::UnsteppedTime() const {
  const std::lock_guard lock(mutex_);
  return clock_watch_.Unstepped(ReadClocks());
}

absl::Time Writer::SteadyTime() const {
  const std::lock_guard lock(mutex_);
  return clock_watch_.Steady(ReadClocks());
}

void Writer::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

void Writer::Stop() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = stopping_ = true;
  }
  writer_wakes_.notify_all();
  if (writer_.joinable()) writer_.join();
  {
    const std::lock_guard lock(mutex_);
    writer_ended_ = true;
  }
  watchdog_wakes_.notify_all();
  if (watchdog_.joinable()) watchdog_.join();
}

void Writer::RunWriter() {
  // So that what the log costs can be told from what the calls do.
  pthread_setname_np(pthread_self(), "journal");
  std::unique_lock lock(mutex_);
  while (true) {
    writer_wakes_.wait(lock,
                       [this] { return stopping_ || outage_.has_value() || !waiting_.empty(); });
    if (outage_.has_value()) {
      lock.unlock();
      Recover();
      lock.lock();
      if (outage_.has_value()) return;  // stopping, and the log is still away
    } else if (waiting_.empty()) {
      return;
    } else {
      TakeGroupLocked();
      lock.unlock();
      Results results;
      const Fate fate = WriteGroup(in_flight_, results);
      Settle(fate, std::move(results));
      lock.lock();
    }
  }
}

void Writer::TakeGroupLocked() {
  while (!waiting_.empty() && group_rows_ < options_.group_limit) {
    group_rows_ += RowsOf(waiting_.front()->submission);
    ForgetLocked(ActorOf(waiting_.front()->submission));
    in_flight_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
}

bool Writer::TakeMore() {
  const std::lock_guard lock(mutex_);
  const std::size_t before = in_flight_.size();
  TakeGroupLocked();
  return in_flight_.size() > before;
}

Writer::Fate Writer::WriteGroup(const Group& group, Results& results) {
  Frontier tree = frontier_;
  {
    auto transaction = store_.Begin();
    if (!transaction.ok()) return Fate::kNotWritten;
    if (!Fill(**transaction, group, tree, results).ok()) return Fate::kNotWritten;
    const bool nothing =
        std::ranges::none_of(results, [](const auto& result) { return result.ok(); });
    if (nothing) return Fate::kWritten;
    unresolved_ = tree;
    if ((*transaction)->Commit().ok()) {
      KeepTree(*std::exchange(unresolved_, std::nullopt));
      return Fate::kWritten;
    }
  }
  return Resolve();
}

void Writer::KeepTree(Frontier tree) {
  frontier_ = std::move(tree);
  // The step that the group began with, if there was one, is recorded.
  const std::lock_guard lock(mutex_);
  clock_watch_.Accept(clocks_);
}

absl::Status Writer::Fill(store::WriteTransaction& transaction, const Group& group, Frontier& tree,
                          Results& results) {
  clocks_ = ReadClocks();
  const absl::Time now = clocks_.wall;
  // Kept answers that end because the clock was set forward would let a repeated request be done a
  // second time.
  const std::int64_t kept_until_ms = absl::ToUnixMillis(clock_watch_.Unstepped(clocks_));
  if (const auto step = clock_watch_.StepBefore(clocks_); step.has_value()) {
    const store::LeafRow leaf = MakeLeaf(EntryOf(*step), tree.size(), now);
    RETURN_IF_ERROR(transaction.AppendLeaf(leaf));
    tree.Append(HashOfLeaf(leaf));
  }
  const std::string log_time = LogTime(now);
  // What has come in the meantime joins the group: most of what a commit costs is the same for any
  // number of records. All of them have the group's time.
  const auto is_left = [&](std::size_t at) {
    return at < group.size() || (&group == &in_flight_ && TakeMore());
  };
  for (std::size_t i = 0; is_left(i); ++i) {
    Pending& pending = *group[i];
    Submission& submission = pending.submission;
    for (store::TokenRow& row : submission.mutation.tokens) {
      if (row.revision == 1) row.leaf_index = tree.size();
    }
    if (!submission.mutation.empty()) {
      ASSIGN_OR_RETURN(const auto applied, transaction.Apply(submission.mutation, kept_until_ms));
      if (applied == store::WriteTransaction::Applied::kConflict) {
        results.emplace_back(Error(Reason::kConflict, "the data changed in the meantime"));
        continue;
      }
    }
    Written written;
    written.index = tree.size();
    if (submission.entry.has_value()) {
      LeafBody body = pending.body.has_value() ? *std::exchange(pending.body, std::nullopt)
                                               : MakeLeafBody(*submission.entry);
      const store::LeafRow leaf =
          MakeLeaf(*submission.entry, std::move(body), tree.size(), log_time);
      RETURN_IF_ERROR(transaction.AppendLeaf(leaf));
      crypto::Sha256Digest hash;
      std::ranges::copy(crypto::AsBytes(leaf.leaf_hash), hash.begin());
      tree.Append(hash);
    }
    if (submission.checkpoint.has_value()) {
      RETURN_IF_ERROR(transaction.PutCheckpoint(*submission.checkpoint));
    }
    if (submission.wants_tree) written.tree = tree;
    results.emplace_back(std::move(written));
  }
  return transaction.PutFrontier(tree.ToRow());
}

// Opens the store again and looks which tree it holds.
Writer::Fate Writer::Resolve() {
  if (!store_.Reopen().ok()) return Fate::kUnknown;
  const absl::StatusOr<store::FrontierRow> row = store_.ReadFrontier();
  if (!row.ok()) return Fate::kUnknown;
  const absl::StatusOr<Frontier> stored = Frontier::FromRow(*row);
  if (!stored.ok()) return Fate::kUnknown;
  if (unresolved_.has_value() && *stored == *unresolved_) {
    KeepTree(*std::exchange(unresolved_, std::nullopt));
    return Fate::kWritten;
  }
  // A third tree is nobody's: the log stays away rather than grow on it.
  if (*stored != frontier_) return Fate::kUnknown;
  unresolved_.reset();
  return Fate::kNotWritten;
}

void Writer::Settle(Fate fate, Results results) {
  Answers answers;
  {
    const std::lock_guard lock(mutex_);
    size_ = frontier_.size();
    if (fate != Fate::kWritten) StartOutageLocked(answers);
    for (std::size_t i = 0; i < in_flight_.size(); ++i) {
      Callback done = std::exchange(in_flight_[i]->submission.done, nullptr);
      if (fate == Fate::kWritten && results[i].ok()) {
        const store::Mutation& mutation = in_flight_[i]->submission.mutation;
        progress_.tokens += mutation.new_tokens();
        progress_.token_changes += mutation.tokens.size() - mutation.new_tokens();
      }
      if (done == nullptr) continue;  // the watchdog was first
      if (fate == Fate::kWritten) {
        answers.emplace_back(std::move(done), std::move(results[i]));
      } else if (fate == Fate::kNotWritten) {
        ++outage_->refused;
        answers.emplace_back(std::move(done), Away());
      } else {
        ++outage_->unknown;
        answers.emplace_back(std::move(done), Unknown());
      }
    }
    in_flight_.clear();
    group_rows_ = 0;
  }
  Answer(std::move(answers));
}

void Writer::StartOutageLocked(Answers& answers) {
  if (!outage_.has_value()) outage_ = Outage{.start = options_.clock()};
  outage_->refused += waiting_.size();
  for (const auto& pending : waiting_) {
    answers.emplace_back(std::move(pending->submission.done), Away());
  }
  waiting_.clear();
  waiting_of_.clear();
}

void Writer::Recover() {
  bool tried = false;
  auto pause = kFirstRetry;
  while (true) {
    const Fate fate = Resolve();
    // The outage's own record may have been the commit whose fate was unknown.
    if (fate == Fate::kWritten && tried) break;
    if (fate != Fate::kUnknown) {
      tried = true;
      if (RecordOutage() == Fate::kWritten) break;
    }
    std::unique_lock lock(mutex_);
    if (writer_wakes_.wait_for(lock, pause, [this] { return stopping_; })) return;
    pause = std::min(2 * pause, kLongestRetry);
  }
  const std::lock_guard lock(mutex_);
  size_ = frontier_.size();
  outage_.reset();
}

Writer::Fate Writer::RecordOutage() {
  Entry entry;
  entry.action = "Log.Outage";
  entry.actor = "system";
  {
    const std::lock_guard lock(mutex_);
    entry.details = {{"end", LogTime(options_.clock())},
                     {"refused", std::to_string(outage_->refused)},
                     {"start", LogTime(outage_->start)},
                     {"unknown", std::to_string(outage_->unknown)}};
  }
  Group group;
  group.push_back(std::make_unique<Pending>());
  group.back()->submission.entry = std::move(entry);
  Results results;
  return WriteGroup(group, results);
}

void Writer::RunWatchdog() {
  std::unique_lock lock(mutex_);
  while (!writer_ended_) {
    const std::optional<Clock::time_point> next = NextDeadlineLocked();
    if (!next.has_value()) {
      watchdog_idle_ = true;
      watchdog_wakes_.wait(lock,
                           [this] { return writer_ended_ || NextDeadlineLocked().has_value(); });
      watchdog_idle_ = false;
    } else if (Clock::now() < *next) {
      watchdog_wakes_.wait_until(lock, *next, [this] { return writer_ended_; });
    } else {
      Answers answers;
      ExpireLocked(Clock::now(), answers);
      lock.unlock();
      Answer(std::move(answers));
      lock.lock();
    }
  }
}

std::optional<Writer::Clock::time_point> Writer::NextDeadlineLocked() const {
  for (const auto& pending : in_flight_) {
    if (pending->submission.done != nullptr) return pending->deadline;
  }
  if (!waiting_.empty()) return waiting_.front()->deadline;
  return std::nullopt;
}

// Whoever is in flight may or may not be written; whoever waits will not be.
void Writer::ExpireLocked(Clock::time_point now, Answers& answers) {
  StartOutageLocked(answers);
  for (const auto& pending : in_flight_) {
    if (pending->deadline > now || pending->submission.done == nullptr) continue;
    ++outage_->unknown;
    answers.emplace_back(std::exchange(pending->submission.done, nullptr), Unknown());
  }
  writer_wakes_.notify_one();
}

void Writer::Answer(Answers answers) {
  for (auto& [done, result] : answers) done(std::move(result));
}

}  // namespace keysvc::audit
