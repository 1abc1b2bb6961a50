#ifndef KEYSVC_BENCH_SPREAD_H_
#define KEYSVC_BENCH_SPREAD_H_

#include <cstdint>
#include <vector>

namespace keysvc::bench {

// What several rounds of one measure came to.
struct Spread {
  double median = 0;
  double least = 0;
  double most = 0;
};

// All zero for no values.
Spread SpreadOf(std::vector<double> values);

// Latencies of one measure, in microseconds.
struct Latencies {
  double p50 = 0;
  double p99 = 0;
  double p999 = 0;
};

// All zero for no latencies.
Latencies LatenciesOf(std::vector<std::uint32_t> microseconds);

}  // namespace keysvc::bench

#endif  // KEYSVC_BENCH_SPREAD_H_
