#include "keysvc/keys/presented_signature.h"

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
  }
  return "";
}

}  // namespace keysvc::keys
