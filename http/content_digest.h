#ifndef KEYSVC_HTTP_CONTENT_DIGEST_H_
#define KEYSVC_HTTP_CONTENT_DIGEST_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace keysvc::http {

// The value of Content-Digest (RFC 9530) by SHA-256: sha-256=:base64:
std::string ContentDigest(std::string_view body);

// Whether a Content-Digest is right for the body, by all of its digests that are known here
// (sha-256, sha-512). INVALID_ARGUMENT/FIELD_INVALID when it is none, or has none that is known.
absl::StatusOr<bool> IsDigestOf(std::string_view content_digest, std::string_view body);

}  // namespace keysvc::http

#endif  // KEYSVC_HTTP_CONTENT_DIGEST_H_
