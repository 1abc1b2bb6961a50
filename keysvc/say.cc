#include "keysvc/say.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "status/reason.h"

namespace keysvc {

void Say(const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }

absl::Status ForOperator(absl::Status status) {
  if (ReasonOf(status) != Reason::kOutcomeUnknown) return status;
  return Error(Reason::kAuditUnavailable,
               "a record could not be made durable; is the database's disk full, or failing?");
}

void SayError(std::string_view what, const absl::Status& status) {
  const Reason reason = ReasonOf(status).value_or(Reason::kInternal);
  Say(absl::StrCat("keysvcd: ", std::string(what), std::string(InfoOf(reason).name), ": ",
                   std::string(status.message())));
}

}  // namespace keysvc
