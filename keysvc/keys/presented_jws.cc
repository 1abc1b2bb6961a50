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

Fault CheckOpenBanking(const jose::OpenBankingParameters& said, const OpenBankingHeader& expected) {
  if (said.iss != expected.issuer || said.tan != expected.trust_anchor) {
    return Fault::kHeaderMismatch;
  }
  return said.iat.has_value() ? Fault::kNone : Fault::kIssueTimeMissing;
}

}  // namespace

PresentedJws::PresentedJws(std::string jws, std::optional<std::string> payload,
                           std::optional<OpenBankingHeader> open_banking)
    : jws_(std::move(jws)), payload_(std::move(payload)), open_banking_(std::move(open_banking)) {}

absl::StatusOr<std::string_view> PresentedJws::AlgOf(const KeyParameters& parameters) const {
  return JwsAlgOf(parameters);
}

absl::StatusOr<PresentedSignature::Claims> PresentedJws::Read() const {
  if (open_banking_.has_value()) RETURN_IF_ERROR(CheckOpenBankingHeader(*open_banking_));
  if (jws_.empty()) return Error(Reason::kFieldRequired, "the JWS is required", "jws");
  if (jws_.size() > kLongestJws) {
    return Error(Reason::kMessageTooLarge, "the JWS is longer than 96 KiB", "jws");
  }
  ASSIGN_OR_RETURN(jose::Jws jws, jose::ParseCompact(jws_));
  ASSIGN_OR_RETURN(const std::string payload, SignedPayload(jws.payload, payload_));
  const jose::OpenBankingParameters& said = jws.header.open_banking;
  return Claims{
      .key_id = std::move(jws.header.kid),
      .alg = std::move(jws.header.alg),
      .input = jose::SigningInput(jws.protected_header, jws.header.b64, payload),
      .signatures = {std::move(jws.signature)},
      .issue_time = said.iat.has_value() ? said.iat : jws.header.iat,
      .told_by_input = true,
      .fault = open_banking_.has_value() ? CheckOpenBanking(said, *open_banking_) : Fault::kNone};
}

}  // namespace keysvc::keys
