#include "tokenizer/token_purge.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "audit/entry.h"
#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/call_record.h"
#include "tokenizer/token_row.h"
#include "tokenizer/tokenizer.h"

namespace keysvc::tokenizer {
namespace {

constexpr std::size_t kMostDamaged = 10'000;  // of a profile, in one round
constexpr std::size_t kRowsPerStep = 100;

}  // namespace

TokenPurge::TokenPurge(const Profiles& profiles, KeySource& keys, store::Store& store,
                       audit::Journal& journal, Trouble trouble, std::function<absl::Time()> clock)
    : profiles_(profiles),
      keys_(keys),
      store_(store),
      journal_(journal),
      trouble_(std::move(trouble)),
      clock_(std::move(clock)) {
  // What a kill left in the log may be of rows that were deleted since.
  if (journal_.start().action != "Log.Recovered") changes_ = 0;
}

void TokenPurge::Start(absl::Duration interval) {
  thread_ = std::jthread([this, interval](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any wakes;
    std::unique_lock lock(mutex);
    while (!wakes.wait_for(lock, stop, absl::ToChronoMilliseconds(interval),
                           [&stop] { return stop.stop_requested(); })) {
      if (absl::Status status = Round(stop).status(); !status.ok()) trouble_(status);
    }
  });
}

absl::StatusOr<std::size_t> TokenPurge::Round(const std::stop_token& stop) {
  std::size_t erased = 0;
  absl::Status trouble;  // the first; it keeps neither other profiles nor the log from their turn
  for (const std::vector<Profile>* profiles : {&profiles_.all(), &profiles_.retired()}) {
    for (const Profile& profile : *profiles) {
      if (profile.family == Family::kFf1) continue;
      std::set<std::int64_t> damaged;
      for (bool more = true; more && !stop.stop_requested();) {
        const absl::StatusOr<Progress> done = Step(profile, damaged);
        trouble.Update(done.status());
        more = done.ok() && done->more;
        if (done.ok()) erased += done->erased;
      }
    }
  }
  if (!stop.stop_requested()) trouble.Update(WipeLog());
  RETURN_IF_ERROR(trouble);
  return erased;
}

absl::Status TokenPurge::WipeLog() {
  const std::uint64_t changes = journal_.progress().token_changes;
  if (changes == changes_) return absl::OkStatus();
  store_.EmptyLog();
  // The next write does it, and on a service that nobody calls there would be none.
  audit::Entry entry;
  entry.action = "TokenService.WipeLog";
  entry.actor = "system";
  RETURN_IF_ERROR(journal_.Record(std::move(entry)).status());
  changes_ = changes;
  return absl::OkStatus();
}

absl::StatusOr<TokenPurge::Progress> TokenPurge::Step(const Profile& profile,
                                                      std::set<std::int64_t>& damaged) {
  // A clock that is set forward erases nothing: what it ended opens again once it is put right.
  const absl::Time now = std::min(clock_(), journal_.UnsteppedTime());
  const std::int64_t by_ms = absl::ToUnixMillis(now - profile.grace);
  // Those that are damaged stay where they are, and are found again. A store that has more of them
  // is brought back, and must not keep the other profiles waiting until then.
  if (damaged.size() > kMostDamaged) return Progress{};
  const std::size_t most = kRowsPerStep + damaged.size();
  ASSIGN_OR_RETURN(
      const std::vector<store::TokenRow> rows,
      store_.FindEndedTokens(profile.tenant, profile.number,
                             static_cast<std::uint8_t>(TokenState::kActive), by_ms, most));
  if (rows.empty()) return Progress{};
  ASSIGN_OR_RETURN(const auto row_mac, keys_.RowMacKey(profile.tenant));
  audit::Entry entry;
  entry.action = "TokenService.PurgeTokens";
  entry.actor = "system";
  entry.profile = profile.ResourceName();
  store::Mutation mutation;
  for (const store::TokenRow& row : rows) {
    if (damaged.contains(row.handle)) continue;
    if (absl::Status sound = CheckRow(row, *row_mac); !sound.ok()) {
      damaged.insert(row.handle);
      trouble_(sound);
      continue;
    }
    absl::StatusOr<std::string> token = TokenOf(row, keys_);
    if (ReasonOf(token.status()) == Reason::kIntegrityFailure) {
      damaged.insert(row.handle);
      trouble_(token.status());
      continue;
    }
    RETURN_IF_ERROR(token.status());
    AddItem(entry, TokenName{row.tenant, *std::move(token)}.ToString(), absl::OkStatus());
    entry.items.back().state_before = NameOf(StateOf(row));
    entry.items.back().state_after = NameOf(TokenState::kDeleted);
    mutation.tokens.push_back(InState(TokenState::kDeleted, row, *row_mac));
  }
  const Progress progress{.erased = mutation.tokens.size(), .more = rows.size() == most};
  if (progress.erased == 0) return progress;
  const auto receipt = journal_.Record(std::move(entry), std::move(mutation));
  // Somebody used or changed one in between: the next round finds them again.
  if (ReasonOf(receipt.status()) == Reason::kConflict) return Progress{};
  RETURN_IF_ERROR(receipt.status());
  return progress;
}

}  // namespace keysvc::tokenizer
