#include "keysvc/keys/presented_signature.h"

#include "keysvc/keys/message_signature.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {

std::string_view NameOf(Fault fault) {
  switch (fault) {
    case Fault::kNone:
      return "";
    case Fault::kSignatureWrong:
      return "SIGNATURE_WRONG";
    case Fault::kKeyUnknown:
      return "KEY_UNKNOWN";
    case Fault::kAlgorithmMismatch:
      return "ALGORITHM_MISMATCH";
    case Fault::kIssueTimeMissing:
      return "ISSUE_TIME_MISSING";
    case Fault::kTooOld:
      return "TOO_OLD";
    case Fault::kFromTheFuture:
      return "FROM_THE_FUTURE";
    case Fault::kExpired:
      return "EXPIRED";
    case Fault::kComponentMissing:
      return "COMPONENT_MISSING";
    case Fault::kDigestWrong:
      return "DIGEST_WRONG";
    case Fault::kNonceMissing:
      return "NONCE_MISSING";
    case Fault::kReplayed:
      return "REPLAYED";
    case Fault::kHeaderMismatch:
      return "HEADER_MISMATCH";
  }
  return "";
}

absl::StatusOr<std::string> SignedPayload(const std::optional<std::string>& inside,
                                          const std::optional<std::string>& beside) {
  if (inside.has_value() && beside.has_value()) {
    return Error(Reason::kFieldInvalid, "what is signed has a payload of its own", "payload");
  }
  if (inside.has_value()) return *inside;
  if (!beside.has_value()) {
    return Error(Reason::kFieldRequired, "the signature is detached, and needs its payload",
                 "payload");
  }
  RETURN_IF_ERROR(CheckMessage(*beside, "payload"));
  return *beside;
}

}  // namespace keysvc::keys
