#include "http/content_digest.h"

#include <optional>
#include <vector>

#include "crypto/digest.h"
#include "http/signature_input.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::http {
namespace {

constexpr char kSha256[] = "sha-256";
constexpr char kSha512[] = "sha-512";

std::string DigestOf(crypto::HashAlgorithm algorithm, std::string_view body) {
  return ByteSequence(crypto::HashOf(algorithm, body));
}

// The ones of RFC 9530 section 5 that are still secure.
std::optional<crypto::HashAlgorithm> AlgorithmNamed(std::string_view name) {
  if (name == kSha256) return crypto::HashAlgorithm::kSha256;
  if (name == kSha512) return crypto::HashAlgorithm::kSha512;
  return std::nullopt;
}

}  // namespace

std::string ContentDigest(std::string_view body) {
  return std::string(kSha256) + "=" + DigestOf(crypto::HashAlgorithm::kSha256, body);
}

absl::StatusOr<bool> IsDigestOf(std::string_view content_digest, std::string_view body) {
  ASSIGN_OR_RETURN(const std::vector<Member> digests, ParseDictionary(content_digest));
  bool known = false;
  for (const Member& digest : digests) {
    const auto algorithm = AlgorithmNamed(digest.label);
    if (!algorithm.has_value()) continue;
    if (digest.value != DigestOf(*algorithm, body)) return false;
    known = true;
  }
  if (known) return true;
  return Error(Reason::kFieldInvalid, "Content-Digest has no digest by sha-256 or sha-512",
               "message.fields");
}

}  // namespace keysvc::http
