// The signatures that are kept for a repetition of their request.
#ifndef KEYSVC_KEYSVC_KEYS_KEPT_SIGNATURE_H_
#define KEYSVC_KEYSVC_KEYS_KEPT_SIGNATURE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keysvc/keys/key_name.h"
#include "store/rows.h"
#include "tokenizer/key_source.h"

namespace keysvc::keys {

struct KeptSignatures {
  std::vector<std::string> bytes;  // at least one; empty where an item was refused
  KeyVersionName key_version;
  std::string algorithm;
};

// The row of `request_id`, with the signatures sealed under the tenant's answer key
// (docs/formats.md).
absl::StatusOr<store::IdempotencyRow> KeepSignatures(
    const KeptSignatures& kept, std::string_view principal, std::string_view request_id,
    std::string_view fingerprint, absl::Time expires, const tokenizer::RequestKeys& keys);

// INVALID_ARGUMENT/REQUEST_ID_REUSED when the row is of a request with another fingerprint;
// DATA_LOSS/INTEGRITY_FAILURE when it is not what was kept.
absl::StatusOr<KeptSignatures> OpenKeptSignatures(const store::IdempotencyRow& row,
                                                  std::string_view fingerprint,
                                                  const tokenizer::RequestKeys& keys);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_KEPT_SIGNATURE_H_
