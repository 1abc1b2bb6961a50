// Files of the command line. "-" is standard input or output.
#ifndef KEYSVC_KEYSVC_CLI_FILE_H_
#define KEYSVC_KEYSVC_CLI_FILE_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace keysvc::cli {

// The content of a file of at most `limit` bytes. UNAVAILABLE when it cannot be read,
// INVALID_ARGUMENT/FIELD_INVALID when it is longer.
absl::StatusOr<std::string> ReadFile(const std::string& path, std::size_t limit);

// Replaces a file, whole or not at all.
absl::Status WriteFile(const std::string& path, std::string_view content);

// UNAVAILABLE, for a file that cannot be read or written.
absl::Status FileError(std::string_view what, const std::string& path);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_FILE_H_
