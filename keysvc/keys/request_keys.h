#ifndef KEYSVC_KEYSVC_KEYS_REQUEST_KEYS_H_
#define KEYSVC_KEYSVC_KEYS_REQUEST_KEYS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "crypto/secret_key.h"
#include "tokenizer/key_source.h"

namespace keysvc::keys {

// The two keys that a tenant's request key stands for.
absl::StatusOr<std::shared_ptr<const tokenizer::RequestKeys>> ExpandRequestKey(
    const crypto::SecretKey<32>& key);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_REQUEST_KEYS_H_
