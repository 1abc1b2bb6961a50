#ifndef KEYSVC_KEYSVC_START_REPORT_H_
#define KEYSVC_KEYSVC_START_REPORT_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "audit/entry.h"
#include "store/store.h"

namespace keysvc {

// What an earlier run left behind. Looked at before the log and the keys are, which settle it.
struct LeftBehind {
  std::uint64_t log_pages = 0;          // in the write-ahead log's file, used again or not
  std::vector<std::string> unfinished;  // key versions whose making was broken off

  // As details of the record of the start.
  std::map<std::string, std::string> Details() const;
};

// The key versions that the store has in pre-activation, by resource name; their rows are not
// authenticated yet.
absl::StatusOr<std::vector<std::string>> FindUnfinished(store::Store& store);

// What a start after anything but a clean stop did, a line for each thing, for the operator;
// nothing after a clean stop. `start` is the record of the start.
std::vector<std::string> RecoveryReport(const audit::Entry& start, const LeftBehind& left);

}  // namespace keysvc

#endif  // KEYSVC_KEYSVC_START_REPORT_H_
