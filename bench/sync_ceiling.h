#ifndef KEYSVC_BENCH_SYNC_CEILING_H_
#define KEYSVC_BENCH_SYNC_CEILING_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace keysvc::bench {

// How often a second the disk makes 4 KiB at the end of a file in `folder` durable (fdatasync).
absl::StatusOr<double> MeasureSyncs(const std::string& folder, absl::Duration time);

}  // namespace keysvc::bench

#endif  // KEYSVC_BENCH_SYNC_CEILING_H_
