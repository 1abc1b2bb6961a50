#include "http/content_digest.h"

#include <optional>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/digest.h"
#include "http/signature_input.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::http {
namespace {

constexpr char kSha256[] = "sha-256";

std::string DigestOf(std::string_view body) {
  return ByteSequence(crypto::AsText(crypto::Sha256(body)));
}

}  // namespace

std::string ContentDigest(std::string_view body) {
  return std::string(kSha256) + "=" + DigestOf(body);
}

absl::StatusOr<bool> IsDigestOf(std::string_view content_digest, std::string_view body) {
  ASSIGN_OR_RETURN(const std::vector<Member> digests, ParseDictionary(content_digest));
  for (const Member& digest : digests) {
    if (digest.label == kSha256) return digest.value == DigestOf(body);
  }
  return Error(Reason::kFieldInvalid, "Content-Digest has no digest by sha-256", "message.fields");
}

}  // namespace keysvc::http
