// What a partner was handed, kept for a repetition of the request.
#ifndef KEYSVC_KEYSVC_KEYS_KEPT_DELIVERY_H_
#define KEYSVC_KEYSVC_KEYS_KEPT_DELIVERY_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "keysvc/keys/key_name.h"
#include "pkcs11/hsm.h"
#include "store/rows.h"
#include "tokenizer/key_source.h"

namespace keysvc::keys {

struct DeliveredKey {
  KeyVersionName key_version;
  pkcs11::WrappedKey wrapped;
  std::string check_value;  // KeyCheckValueOf; empty also of what an older build kept
};

// The row of `request_id`, sealed under the tenant's answer key (docs/formats.md).
absl::StatusOr<store::IdempotencyRow> KeepDelivery(const DeliveredKey& delivered,
                                                   std::string_view principal,
                                                   std::string_view request_id,
                                                   std::string_view fingerprint, absl::Time expires,
                                                   const tokenizer::RequestKeys& keys);

// INVALID_ARGUMENT/REQUEST_ID_REUSED when the row is of a request with another fingerprint;
// DATA_LOSS/INTEGRITY_FAILURE when it is not what was kept.
absl::StatusOr<DeliveredKey> OpenKeptDelivery(const store::IdempotencyRow& row,
                                              std::string_view fingerprint,
                                              const tokenizer::RequestKeys& keys);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_KEPT_DELIVERY_H_
