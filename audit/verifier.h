#ifndef KEYSVC_AUDIT_VERIFIER_H_
#define KEYSVC_AUDIT_VERIFIER_H_

#include <cstdint>
#include <istream>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace keysvc::audit {

// What an export proved.
struct Verified {
  std::string origin;
  std::uint64_t first = 0;
  std::uint64_t size = 0;             // of the tree; the export holds [first, size)
  std::string first_time, last_time;  // RFC 3339, of the records in the export
  bool against_outside_checkpoint = false;
  std::uint64_t restorations = 0;  // after which another audit key signs
  std::uint64_t successes = 0, denials = 0, failures = 0;
  // Intents whose outcome no later record of the export tells.
  std::uint64_t unresolved = 0;
};

// Checks an export offline, with nothing but the verifier key: the checkpoint's signature, every
// leaf, the order and completeness of the range, and the root. With `outside_checkpoint` (a note
// the auditor kept, of the same log) also that the log only grew since; its size must lie in
// [first, size] of the export, else INVALID_ARGUMENT/FIELD_INVALID. Without it, only inner
// consistency is proven, and `against_outside_checkpoint` is false. A checkpoint from before a
// restoration is by another key, `checkpoint_key`; then the records of the restorations after it
// must lead from that key to `verifier_key`.
// DATA_LOSS/INTEGRITY_FAILURE names the first line at fault; it never quotes it. Shares nothing
// with the code that writes the log but the hashing and the checkpoint's form.
absl::StatusOr<Verified> VerifyExport(std::istream& lines, std::string_view verifier_key,
                                      std::optional<std::string_view> outside_checkpoint,
                                      std::optional<std::string_view> checkpoint_key = {});

}  // namespace keysvc::audit

#endif  // KEYSVC_AUDIT_VERIFIER_H_
