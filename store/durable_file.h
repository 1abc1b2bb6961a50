#ifndef KEYSVC_STORE_DURABLE_FILE_H_
#define KEYSVC_STORE_DURABLE_FILE_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace keysvc::store {

// Small files that survive a kill or a power cut at any instant. Errors: UNAVAILABLE/
// STORE_UNAVAILABLE.

// Replaces or makes the file (mode 0600): a file beside it ("<path>.new") is written and synced,
// renamed over it, and the folder synced. Whoever looks sees the old content or the new one.
absl::Status ReplaceFile(const std::string& path, std::string_view content);

// Renames a file on its file system and syncs the folders of both names.
absl::Status RenameDurably(const std::string& from, const std::string& to);

// The whole file. FAILED_PRECONDITION/NOT_INITIALIZED when there is none, DATA_LOSS/
// INTEGRITY_FAILURE when it is longer than `limit` bytes.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path, std::size_t limit);

}  // namespace keysvc::store

#endif  // KEYSVC_STORE_DURABLE_FILE_H_
