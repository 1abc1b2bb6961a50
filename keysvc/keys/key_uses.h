#ifndef KEYSVC_KEYSVC_KEYS_KEY_USES_H_
#define KEYSVC_KEYSVC_KEYS_KEY_USES_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "keysvc/keys/key_name.h"
#include "keysvc/keys/key_parameters.h"
#include "keysvc/keys/key_rings.h"
#include "tokenizer/sealing_key.h"

namespace keysvc::keys {

// How often a key version may be used. As it is, for keys that seal: nonces are random and 96 bits
// long, and of 2^31 of them two are equal with a probability below 2^-34.
struct UseLimits {
  // Uses that are recorded beforehand at once. What is left of a block is lost with the process.
  std::uint64_t block = std::uint64_t{1} << 18;
  std::uint64_t stop = std::uint64_t{1} << 31;

  // From so many uses on the version should be rotated.
  std::uint64_t due() const { return stop - stop / 5; }
  // The bound after one more block.
  std::uint64_t Next(std::uint64_t reserved) const {
    return stop - reserved > block ? reserved + block : stop;
  }
};

// The limits of each version of such a key: `sealing` for those that seal with random nonces, those
// of its own for one that may sign so often only; nullopt when uses are not counted.
std::optional<UseLimits> LimitsOf(const KeyParameters& parameters, const UseLimits& sealing);

// The versions whose next block should be reserved, or which have none left. Thread-safe.
class WantedBlocks {
 public:
  void Add(const KeyVersionName& version);
  // Blocks until there is one or `stop` is requested, then takes them all.
  std::set<KeyVersionName> Await(std::stop_token stop);

 private:
  std::mutex mutex_;
  std::condition_variable_any added_;
  std::set<KeyVersionName> versions_;
};

// The uses of one version: those below a durable bound are given out, each once. Thread-safe; only
// TakeWithin blocks.
class KeyUses final : public tokenizer::SealCounter {
 public:
  // Uses below `taken` are gone; those below `reserved` are durably reserved.
  KeyUses(KeyVersionName version, UseLimits limits, std::uint64_t taken, std::uint64_t reserved,
          std::shared_ptr<WantedBlocks> wanted);

  absl::Status Take(std::uint64_t seals) override;
  // The same, and waits for as long as `within` while the next uses are not recorded yet; once that
  // was in vain, nobody waits any more until the next bound is granted.
  absl::Status TakeWithin(std::uint64_t uses, absl::Duration within);
  // A new bound has become durable. A lower one than known changes nothing.
  void Grant(std::uint64_t reserved);

  std::uint64_t taken() const { return taken_; }
  std::uint64_t reserved() const { return reserved_; }
  bool empty() const { return taken_ >= reserved_; }
  // Whether the last use was taken, or more than are left were asked for.
  bool exhausted() const { return exhausted_; }
  const UseLimits& limits() const { return limits_; }

 private:
  void WantBlock();
  void SayExhausted();

  const KeyVersionName version_;
  const UseLimits limits_;
  std::atomic<std::uint64_t> taken_;
  std::atomic<std::uint64_t> reserved_;
  std::atomic<bool> asked_ = false;
  std::atomic<bool> exhausted_;
  const std::shared_ptr<WantedBlocks> wanted_;
  std::mutex mutex_;  // of the wait, and of what follows
  bool late_ = false;
  std::condition_variable granted_;
};

// The uses of every version that is counted. Thread-safe.
class UseBook {
 public:
  explicit UseBook(UseLimits limits) : limits_(limits) {}

  // nullptr when the version is not known or not counted.
  std::shared_ptr<KeyUses> Find(const KeyVersionName& version) const;
  // Starts the count of a version that this process has just made or activated. Uses below `taken`
  // were reserved before, and are gone.
  void Open(const KeyRecord& made, std::uint64_t taken);
  // Takes over what is stored. Of a version that is new here all that was reserved is gone: another
  // process may have used it.
  void Sync(const KeyRings& rings);

  // Of versions that seal.
  const UseLimits& limits() const { return limits_; }
  WantedBlocks& wanted() { return *wanted_; }

 private:
  void Add(const KeyRecord& record, std::uint64_t taken);

  const UseLimits limits_;
  const std::shared_ptr<WantedBlocks> wanted_ = std::make_shared<WantedBlocks>();
  mutable std::mutex mutex_;
  std::map<KeyVersionName, std::shared_ptr<KeyUses>> uses_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_KEY_USES_H_
