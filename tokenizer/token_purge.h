#ifndef KEYSVC_TOKENIZER_TOKEN_PURGE_H_
#define KEYSVC_TOKENIZER_TOKEN_PURGE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "audit/journal.h"
#include "store/store.h"
#include "tokenizer/key_source.h"
#include "tokenizer/profile.h"

namespace keysvc::tokenizer {

// Erases the cards of tokens that have expired or are used up, once their profile's grace is over,
// of which a retired one has none: they become deleted. A suspended token is left alone, since
// somebody looks into it. In steps of at most a hundred rows, each with its record, so that callers
// wait for none of it. Also has the write-ahead log wiped of rows as they were before they were
// changed, with a record of its own.
class TokenPurge {
 public:
  // Told of every row that is not what was written, and of what kept a round from its end.
  using Trouble = std::function<void(const absl::Status& why)>;

  // All outlive this. `clock` is thread-safe.
  TokenPurge(const Profiles& profiles, KeySource& keys, store::Store& store,
             audit::Journal& journal, Trouble trouble,
             std::function<absl::Time()> clock = absl::Now);
  TokenPurge(const TokenPurge&) = delete;
  TokenPurge& operator=(const TokenPurge&) = delete;

  // One round over all profiles; returns how many cards it erased, or what first kept one of them
  // from its end. Not beside Start().
  absl::StatusOr<std::size_t> Round(const std::stop_token& stop = {});

  // Has a round at every interval, on a thread that ends with this.
  void Start(absl::Duration interval);

 private:
  struct Progress {
    std::size_t erased = 0;
    bool more = false;  // there may be
  };
  // Erases the first hundred of a profile that are behind none but `damaged` ones, by their
  // handles, and adds those that it finds to be so.
  absl::StatusOr<Progress> Step(const Profile& profile, std::set<std::int64_t>& damaged);
  // If rows were changed since it was done last.
  absl::Status WipeLog();

  const Profiles& profiles_;
  KeySource& keys_;
  store::Store& store_;
  audit::Journal& journal_;
  const Trouble trouble_;
  const std::function<absl::Time()> clock_;
  std::optional<std::uint64_t> changes_;  // of rows, that the log was wiped of
  std::jthread thread_;                   // last: it uses all the others
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_TOKEN_PURGE_H_
