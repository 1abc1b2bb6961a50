#include "keysvc/keys/presented_jws.h"

#include <cstddef>
#include <utility>

#include "jose/jws.h"
#include "keysvc/keys/jws_signature.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

// A payload of 64 KiB in base64url, with header and signature.
constexpr std::size_t kLongestJws = std::size_t{96} * 1024;

}  // namespace

PresentedJws::PresentedJws(std::string jws, std::optional<std::string> payload)
    : jws_(std::move(jws)), payload_(std::move(payload)) {}

absl::StatusOr<std::string_view> PresentedJws::AlgOf(const KeyParameters& parameters) const {
  return JwsAlgOf(parameters);
}

absl::StatusOr<PresentedSignature::Claims> PresentedJws::Read() const {
  if (jws_.empty()) return Error(Reason::kFieldRequired, "the JWS is required", "jws");
  if (jws_.size() > kLongestJws) {
    return Error(Reason::kMessageTooLarge, "the JWS is longer than 96 KiB", "jws");
  }
  ASSIGN_OR_RETURN(jose::Jws jws, jose::ParseCompact(jws_));
  ASSIGN_OR_RETURN(const std::string payload, SignedPayload(jws.payload, payload_));
  return Claims{.key_id = std::move(jws.header.kid),
                .alg = std::move(jws.header.alg),
                .input = jose::SigningInput(jws.protected_header, jws.header.b64, payload),
                .signatures = {std::move(jws.signature)},
                .issue_time = jws.header.iat,
                .told_by_input = true};
}

}  // namespace keysvc::keys
