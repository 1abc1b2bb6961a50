#ifndef KEYSVC_AUDIT_LEAF_H_
#define KEYSVC_AUDIT_LEAF_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "audit/entry.h"
#include "crypto/digest.h"
#include "store/rows.h"

namespace keysvc::audit {

// RFC 3339 in UTC with milliseconds, as every time in the log is written.
std::string LogTime(absl::Time time);

// When the record was made, as its header says. DATA_LOSS/INTEGRITY_FAILURE when it does not.
absl::StatusOr<absl::Time> TimeOf(const store::LeafRow& leaf);

// The stored form of a record: header and body are canonical JSON (RFC 8785), each committed to
// under a salt of its own, so that an export can prove a header while it keeps the body back.
//   leaf data = 0x01 || SHA-256(header_salt || header) || SHA-256(body_salt || body)
store::LeafRow MakeLeaf(const Entry& entry, std::uint64_t index, absl::Time time);

// The same in two steps. The body, most of the work, depends on neither place nor time; so callers
// can make it side by side before the one thread that knows these gets the record.
struct LeafBody {
  std::string text;
  std::string salt;
  crypto::Sha256Digest hash;  // of both
};
LeafBody MakeLeafBody(const Entry& entry);
// `time` is in the form of LogTime().
store::LeafRow MakeLeaf(const Entry& entry, LeafBody body, std::uint64_t index,
                        std::string_view time);

// The Merkle leaf hash of a row's columns; what `leaf_hash` must be.
crypto::Sha256Digest HashOfLeaf(const store::LeafRow& leaf);

}  // namespace keysvc::audit

#endif  // KEYSVC_AUDIT_LEAF_H_
