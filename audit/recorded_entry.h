#ifndef KEYSVC_AUDIT_RECORDED_ENTRY_H_
#define KEYSVC_AUDIT_RECORDED_ENTRY_H_

#include <cstdint>
#include <functional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "audit/entry.h"
#include "store/rows.h"
#include "store/store.h"

namespace keysvc::audit {

// The entry that a stored leaf was made of. DATA_LOSS/INTEGRITY_FAILURE when header and body do not
// give the leaf's hash or are no record.
absl::StatusOr<Entry> ReadEntry(const store::LeafRow& leaf);

// Reads the whole log in order and calls `visit` with the entries whose class (the action up to the
// dot) is `first` or `second`, until it fails. The others are not looked at.
absl::Status VisitEntries(
    store::Store& store, std::string_view first, std::string_view second,
    const std::function<absl::Status(std::uint64_t index, const Entry&)>& visit);

// Calls `visit` with the entries of a class that were recorded at `since` or later, in order, until
// it fails. Reads the end of the log only, as far back as it takes.
absl::Status VisitEntriesSince(
    store::Store& store, absl::Time since, std::string_view only,
    const std::function<absl::Status(absl::Time time, const Entry&)>& visit);

}  // namespace keysvc::audit

#endif  // KEYSVC_AUDIT_RECORDED_ENTRY_H_
