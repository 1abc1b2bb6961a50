#ifndef KEYSVC_AUDIT_EXPORT_H_
#define KEYSVC_AUDIT_EXPORT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "store/store.h"

namespace keysvc::audit {

// Writes the part [first, size of the checkpoint) of the log as JSON Lines: a manifest line
// (format, origin, range, verifier key, the tree's compact range before `first`), one line per leaf
// (index, header, header_salt, body, body_salt), and the checkpoint as the last line.
// docs/formats.md lays it down. Pulled chunk by chunk, so a long log needs little memory. Not
// thread-safe.
class Exporter {
 public:
  // `checkpoint_note` must be a checkpoint of this log; INVALID_ARGUMENT/FIELD_INVALID when `first`
  // is beyond it.
  static absl::StatusOr<std::unique_ptr<Exporter>> Create(store::Store& store, std::uint64_t first,
                                                          std::string checkpoint_note,
                                                          std::string verifier_key);
  ~Exporter();

  // The next lines (about 32 KiB), nullopt at the end.
  absl::StatusOr<std::optional<std::string>> Next();

 private:
  struct Impl;
  explicit Exporter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace keysvc::audit

#endif  // KEYSVC_AUDIT_EXPORT_H_
