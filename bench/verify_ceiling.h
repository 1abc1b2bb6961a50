#ifndef KEYSVC_BENCH_VERIFY_CEILING_H_
#define KEYSVC_BENCH_VERIFY_CEILING_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bench/calls.h"
#include "crypto/public_key.h"

namespace keysvc::bench {

// Signatures that OpenSSL checks a second over `time` on all processors, with nothing around it:
// one call of its for each, of a hash that was made before, in contexts that were prepared before.
// UNAVAILABLE for a signature that is wrong, or that OpenSSL has no such check for.
absl::StatusOr<double> MeasureVerifications(const SigningKey& key,
                                            crypto::SignatureAlgorithm algorithm,
                                            absl::Duration time);

}  // namespace keysvc::bench

#endif  // KEYSVC_BENCH_VERIFY_CEILING_H_
