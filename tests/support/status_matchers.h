#ifndef KEYSVC_TESTS_SUPPORT_STATUS_MATCHERS_H_
#define KEYSVC_TESTS_SUPPORT_STATUS_MATCHERS_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "status/reason.h"

namespace keysvc::testing {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& status_or) {
  return status_or.status();
}

MATCHER(IsOk, "is OK") {
  *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).ok();
}

// Whether a Status or StatusOr carries this reason.
MATCHER_P(HasReason, reason, "has the reason " + std::string(InfoOf(reason).name)) {
  *result_listener << StatusOf(arg).ToString();
  return ReasonOf(StatusOf(arg)) == reason;
}

#define ASSERT_OK(expression) ASSERT_THAT((expression), ::keysvc::testing::IsOk())
#define EXPECT_OK(expression) EXPECT_THAT((expression), ::keysvc::testing::IsOk())

}  // namespace keysvc::testing

#endif  // KEYSVC_TESTS_SUPPORT_STATUS_MATCHERS_H_
