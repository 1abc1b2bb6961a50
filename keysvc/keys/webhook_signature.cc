#include "keysvc/keys/webhook_signature.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "crypto/canonical.h"
#include "http/webhook.h"
#include "keysvc/keys/message_signature.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {

absl::StatusOr<std::string_view> WebhookAlgOf(const KeyParameters& parameters) {
  RETURN_IF_ERROR(CheckServes(parameters.purpose, {Purpose::kWebhook}));
  return IsMac(parameters.algorithm) ? http::kWebhookHmac : http::kWebhookEd25519;
}

WebhookSignature::WebhookSignature(std::string id, std::string payload)
    : id_(std::move(id)), payload_(std::move(payload)) {}

absl::Status WebhookSignature::Check() const {
  if (!http::IsWebhookId(id_)) {
    return Error(Reason::kFieldInvalid, "an id is 1 to 64 of A-Z a-z 0-9 - _", "message_id");
  }
  return CheckMessage(payload_, "payload");
}

std::string WebhookSignature::FingerprintInput(const KeyName& key) const {
  return crypto::CanonicalWriter()
      .Bytes(method())
      .U8(1)
      .Bytes(key.ToString())
      .Bytes(id_)
      .Bytes(payload_)
      .Take();
}

absl::StatusOr<SignatureFormat::Draft> WebhookSignature::DraftFor(const KeyVersion& version,
                                                                  PublicKeys& /*public_keys*/,
                                                                  absl::Time now) const {
  ASSIGN_OR_RETURN(const std::string_view alg, WebhookAlgOf(version.parameters));
  ASSIGN_OR_RETURN(const SignatureScheme scheme, SchemeOf(version.parameters, RsaPadding::kPss));
  const std::int64_t timestamp = absl::ToUnixSeconds(now);
  Draft draft{scheme, http::WebhookSigningInput(id_, timestamp, payload_), {}};
  draft.finish = [id = id_, timestamp, alg](const Raw& raw) -> absl::StatusOr<std::string> {
    std::vector<std::string> signatures;
    for (const std::string& one : raw) signatures.push_back(http::WebhookSignature(alg, one));
    return absl::StrCat(http::kWebhookId, ": ", id, "\n",                //
                        http::kWebhookTimestamp, ": ", timestamp, "\n",  //
                        http::kWebhookSignature, ": ", absl::StrJoin(signatures, " "), "\n");
  };
  return draft;
}

}  // namespace keysvc::keys
