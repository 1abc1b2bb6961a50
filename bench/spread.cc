#include "bench/spread.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace keysvc::bench {
namespace {

// The nearest-rank quantile of sorted values: one that was measured, never one in between.
double Quantile(const std::vector<std::uint32_t>& sorted, double part) {
  const auto rank = static_cast<std::size_t>(std::ceil(part * static_cast<double>(sorted.size())));
  return sorted[std::min(sorted.size(), std::max<std::size_t>(rank, 1)) - 1];
}

}  // namespace

Spread SpreadOf(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {.median = median, .least = values.front(), .most = values.back()};
}

Latencies LatenciesOf(std::vector<std::uint32_t> microseconds) {
  if (microseconds.empty()) return {};
  std::sort(microseconds.begin(), microseconds.end());
  return {.p50 = Quantile(microseconds, 0.5),
          .p99 = Quantile(microseconds, 0.99),
          .p999 = Quantile(microseconds, 0.999)};
}

}  // namespace keysvc::bench
