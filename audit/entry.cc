#include "audit/entry.h"

namespace keysvc::audit {

std::string_view NameOf(Outcome outcome) {
  switch (outcome) {
    case Outcome::kSuccess:
      return "success";
    case Outcome::kDenied:
      return "denied";
    case Outcome::kFailed:
      return "failed";
    case Outcome::kIntent:
      return "intent";
  }
  return "failed";
}

}  // namespace keysvc::audit
