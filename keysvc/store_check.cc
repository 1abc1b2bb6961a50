#include "keysvc/store_check.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "audit/stored_log.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc {
namespace {

// In a sample; a start must not read a whole log's text.
constexpr std::uint64_t kNewestRecords = 256;
// Opening each takes about a second for so many.
constexpr std::uint64_t kOpenedRowsPerReport = 100'000;

absl::Status CheckLog(store::Store& store, CheckDepth depth) {
  ASSIGN_OR_RETURN(const store::FrontierRow frontier, store.ReadFrontier());
  const std::uint64_t checked =
      depth == CheckDepth::kEveryRow ? frontier.size : std::min(frontier.size, kNewestRecords);
  return audit::CheckRecords(store, frontier.size - checked, frontier.size);
}

audit::Entry NewEntry() {
  audit::Entry entry;
  entry.action = "Store.Checked";
  entry.actor = "system";
  return entry;
}

// What is wrong is the answer, whether or not it can be recorded.
absl::Status Recorded(absl::Status wrong, audit::Journal& journal) {
  audit::Entry entry = NewEntry();
  entry.outcome = audit::Outcome::kFailed;
  entry.reason = InfoOf(ReasonOf(wrong).value_or(Reason::kInternal)).name;
  journal.Record(std::move(entry)).status().IgnoreError();
  return wrong;
}

struct Checked {
  std::size_t keys = 0;
  tokenizer::StoredTokens tokens;
};

}  // namespace

absl::Status CheckFormerProfiles(audit::Journal& journal, const keys::KeyRegistry& registry,
                                 const tokenizer::Profiles& profiles) {
  absl::Status looked = tokenizer::LookForComputed(profiles, registry.FormerProfiles(profiles));
  return looked.ok() ? looked : Recorded(std::move(looked), journal);
}

absl::StatusOr<tokenizer::StoredTokens> CheckStore(
    store::Store& store, audit::Journal& journal, keys::KeyRegistry& registry,
    const tokenizer::Profiles& profiles, tokenizer::KeySource& keys, CheckDepth depth,
    const std::function<void(const std::string&)>& say) {
  tokenizer::StoredTokensOptions options;
  options.former = registry.FormerProfiles(profiles);
  if (depth == CheckDepth::kEveryRow) {
    options.open_every_row = true;
    options.rows_per_report = kOpenedRowsPerReport;
  }
  options.progress = [&say](std::uint64_t rows) {
    say(absl::StrCat("checking the store: ", rows, " tokens so far"));
  };
  const auto checked = [&]() -> absl::StatusOr<Checked> {
    RETURN_IF_ERROR(CheckLog(store, depth));
    Checked found;
    ASSIGN_OR_RETURN(found.keys, registry.OpenEveryKey());
    ASSIGN_OR_RETURN(found.tokens, tokenizer::CheckStoredTokens(store, profiles, keys, options));
    return found;
  }();

  if (!checked.ok()) return Recorded(checked.status(), journal);
  audit::Entry entry = NewEntry();
  const tokenizer::StoredTokens& tokens = checked->tokens;
  entry.details = {{"keys_opened", absl::StrCat(checked->keys)},
                   {"tokens", absl::StrCat(tokens.rows)},
                   {"tokens_opened", absl::StrCat(tokens.opened)},
                   {"tokens_undeclared", absl::StrCat(tokens.undeclared)},
                   {"tokens_without_record", absl::StrCat(tokens.without_record)}};
  RETURN_IF_ERROR(journal.Record(std::move(entry)).status());
  say(absl::StrCat("the store is sound: ", checked->keys, " keys opened, ", tokens.rows,
                   " tokens found in the log's range, ", tokens.opened, " of them opened; ",
                   tokens.undeclared, " of profiles that are not declared, ", tokens.without_record,
                   " from before tokens named their records"));
  return tokens;
}

std::map<std::string, std::string> StoreFacts(keys::KeyRegistry& registry,
                                              keys::PartnerKeys& partner_keys,
                                              const audit::Journal& journal,
                                              const tokenizer::StoredTokens& tokens) {
  const audit::Journal::Progress progress = journal.progress();
  std::map<std::string, std::string> facts = registry.HeadFacts();
  facts.merge(partner_keys.HeadFacts());
  facts["tokens"] = absl::StrCat(tokens.rows + progress.tokens);
  facts["token_changes"] = absl::StrCat(tokens.changes + progress.token_changes);
  facts["tokens_before"] = absl::StrCat(progress.leaves);
  return facts;
}

}  // namespace keysvc
