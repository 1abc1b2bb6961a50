#ifndef KEYSVC_AUDIT_CHECKPOINTER_H_
#define KEYSVC_AUDIT_CHECKPOINTER_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "audit/checkpoint.h"
#include "audit/checkpoint_directory.h"
#include "audit/writer.h"

namespace keysvc::audit {

struct CheckpointerOptions {
  std::string origin;
  absl::Duration interval;
  std::function<absl::Time()> clock;
  std::function<std::map<std::string, std::string>()> head_details;
};

// The thread that makes checkpoints: a Log.Head leaf through the writer, then the signature over
// the tree that ends with it, kept outside first and in the store after. It does so at once, then
// in every interval that added a leaf; after a failure it tries again within a second, and the log
// is served meanwhile. Nothing of it happens before Begin(). Thread-safe.
class Checkpointer {
 public:
  // `newest` is the newest checkpoint kept outside; nothing for a new log. The writer and the
  // signer outlive the object.
  Checkpointer(Writer& writer, CheckpointSigner& signer, CheckpointDirectory outside,
               const std::optional<CheckpointDirectory::Newest>& newest,
               CheckpointerOptions options);
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  // Starts the thread, once. Nothing happens after Finish().
  void Begin();

  // Makes a checkpoint over all that was submitted before, or answers the newest when it covers
  // that already. Blocks, at most 10 seconds (AUDIT_UNAVAILABLE, also before Begin()).
  absl::StatusOr<std::string> MakeNow();
  // The newest checkpoint's note; empty while there is none.
  std::string latest() const;
  // When this process last made one; InfinitePast while it has not.
  absl::Time latest_time() const;

  // Makes the last checkpoint, over a leaf Log.Stop instead of Log.Head, and ends the thread.
  // Writes the leaf alone when nothing has begun. Idempotent.
  void Finish();

 private:
  void Run();
  absl::Status Make(std::string_view action);
  absl::Status WriteHead(std::string_view action);
  absl::StatusOr<Written> Write(Submission submission);

  Writer& writer_;
  CheckpointSigner& signer_;
  const CheckpointerOptions options_;

  mutable std::mutex mutex_;
  std::condition_variable wakes_;
  std::condition_variable made_;
  std::uint64_t requests_ = 1;  // the first is the checkpoint made at once
  std::uint64_t served_ = 0;
  absl::Status status_;  // of the last request served
  std::string latest_;
  absl::Time latest_time_ = absl::InfinitePast();
  bool begun_ = false;
  bool stopping_ = false;
  bool ended_ = false;

  // The thread's own, or Finish()'s when there is none.
  CheckpointDirectory outside_;
  Checkpoint head_;           // of the last head leaf
  std::uint64_t signed_ = 0;  // size of the last checkpoint

  std::thread thread_;
};

}  // namespace keysvc::audit

#endif  // KEYSVC_AUDIT_CHECKPOINTER_H_
