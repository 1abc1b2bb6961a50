// From a permit to the record of what was done with it.
#ifndef KEYSVC_TOKENIZER_CALL_RECORD_H_
#define KEYSVC_TOKENIZER_CALL_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "audit/entry.h"
#include "policy/gate.h"
#include "tokenizer/token_reader.h"
#include "tokenizer/tokenizer.h"

namespace keysvc::tokenizer {

// INTERNAL/INTERNAL unless the permit is for exactly this: one permit never opens another resource.
absl::Status CheckPermit(const policy::Permit& permit, policy::Action action,
                         std::string_view resource);

// The entry of a call, with the facts of its permit.
audit::Entry EntryOf(const policy::Permit& permit, std::string_view action,
                     const RequestFacts& facts);

// Adds what became of one item. `resource` is empty unless the service itself made the name: other
// names are a caller's text.
void AddItem(audit::Entry& entry, std::string resource, const absl::Status& status);
// What became of an item that is there already.
void SetItem(audit::Item& item, const absl::Status& status);
template <typename Value>
void SetItem(audit::Item& item, const absl::StatusOr<Value>& result) {
  SetItem(item, result.status());
}

// Adds what became of each token that was read, and says of which profiles they are, by which rules
// and with which keys.
void AddReadings(audit::Entry& entry, const std::vector<TokenReading>& readings);

// Adds to items that are there already what they were to be used for: one use for each, or none.
void AddUses(audit::Entry& entry, const std::vector<TokenUse>& uses);

// Adds the risk scores that the caller asserts, as RequestFacts has them: to each item that is
// there already, or to the details where there is none.
void AddRiskScores(audit::Entry& entry, const std::vector<std::uint32_t>& scores);

// Sets the outcome of a call that failed as a whole.
void SetFailed(audit::Entry& entry, const absl::Status& status);

// Sets the outcome from the items: a success when one of them is, otherwise the first one's.
void SetOutcomeOfItems(audit::Entry& entry);

// The entry, which starts from `entry`, of a call that is answered with what was kept of it: one
// result for each token, as it is told now.
template <typename Result>
audit::Entry RepetitionOf(audit::Entry entry, const std::vector<TokenReading>& readings,
                          const std::vector<Result>& results) {
  entry.details["repetition"] = "true";
  AddReadings(entry, readings);
  for (std::size_t i = 0; i < results.size(); ++i) SetItem(entry.items[i], results[i]);
  SetOutcomeOfItems(entry);
  return entry;
}

// The values in order with commas between.
std::string Listed(const std::set<std::string>& values);
std::string Listed(const std::set<std::uint32_t>& values);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_CALL_RECORD_H_
