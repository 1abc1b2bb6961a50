#ifndef KEYSVC_KEYSVC_CLI_TIMESTAMP_H_
#define KEYSVC_KEYSVC_CLI_TIMESTAMP_H_

#include <string>

#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"

namespace keysvc::cli {

// As RFC 3339 in UTC; empty when the service gave none.
inline std::string Rfc3339(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0 && time.nanos() == 0) return "";
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixSeconds(time.seconds()),
                          absl::UTCTimeZone());
}

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_TIMESTAMP_H_
