#ifndef KEYSVC_TOKENIZER_RETENTION_REPORT_H_
#define KEYSVC_TOKENIZER_RETENTION_REPORT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "store/store.h"
#include "tokenizer/key_source.h"
#include "tokenizer/profile.h"

namespace keysvc::tokenizer {

// How many cards are kept of one profile, and for how long.
struct ProfileRetention {
  std::uint16_t number = 0;
  const Profile* profile = nullptr;  // none: it is not declared any more
  // Tokens with a card; of those that are neither suspended nor ended:
  std::uint64_t active = 0;
  std::uint64_t suspended = 0;
  // Of the suspended ones those whose end has come: their cards are kept until they are resumed,
  // which ends them, or deleted.
  std::uint64_t suspended_past_end = 0;
  std::uint64_t ended = 0;    // expired or used up, and not suspended: the card is to be erased
  std::uint64_t overdue = 0;  // of these, what should have been erased by now
  // Of the active and suspended ones those that no time ends: a deletion does, or the last use.
  std::uint64_t without_end = 0;
  std::optional<absl::Time> oldest;    // when the oldest of the cards came
  std::optional<absl::Time> last_end;  // when the last of those ends that end by themselves
  std::uint64_t deleted = 0;           // tokens of which nothing of a card is left
};

// Counts the cards that a tenant's tokens keep (PCI DSS 3.2.1: retention limited to what is needed,
// and verified at least once every three months that what exceeds it was deleted). Reads every row,
// a few thousand in a step. The MAC of each, of every tenant, is checked: no row gets lost by a
// changed tenant, and none is counted by a changed profile, state or end. Rows of the tenant that
// have a card are opened as well, which proves when they came, unless their profile is not declared
// any more or their key may not be used now. Used by one thread at a time; what it is given
// outlives it.
class RetentionReport {
 public:
  // As of `now`, by which the tokens' ends are judged. Rows that come while it is read may be in it
  // or not.
  RetentionReport(store::Store& store, const Profiles& profiles, KeySource& keys,
                  std::string tenant, absl::Time now);

  // Reads the next rows; false once there are none. The store's and the keys' errors;
  // DATA_LOSS/INTEGRITY_FAILURE when a row is not what was written, or its tenant has no keys.
  absl::StatusOr<bool> ReadMore();

  absl::Time as_of() const { return now_; }
  // Of all tenants, since that is what takes the time.
  std::uint64_t rows_read() const { return rows_read_; }
  // Of every declared profile of the tenant and every other with rows, in the order of their
  // numbers.
  std::vector<ProfileRetention> counted() const;

  // By when a card that is to be erased is, once its profile's grace is over too: the purge has had
  // several rounds.
  static constexpr absl::Duration kErasedWithin = absl::Minutes(10);

 private:
  absl::Status Count(const store::TokenRow& row);
  absl::Status ProveCard(const store::TokenRow& row, const Profile* profile);

  store::Store& store_;
  const Profiles& profiles_;
  KeySource& keys_;
  const std::string tenant_;
  const absl::Time now_;
  std::int64_t last_ = 0;
  std::uint64_t rows_read_ = 0;
  std::map<std::uint16_t, ProfileRetention> by_number_;
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_RETENTION_REPORT_H_
