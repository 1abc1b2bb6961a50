// A run's figures for people and for programs.
#ifndef KEYSVC_BENCH_REPORT_H_
#define KEYSVC_BENCH_REPORT_H_

#include <string>

#include "absl/status/status.h"
#include "bench/figures.h"

namespace keysvc::bench {

std::string TableOf(const Figures& figures);
std::string JsonOf(const Figures& figures);

// The ratios with their floors as a picture, drawn by gnuplot: SVG or PNG, as the end of `path`
// says. INVALID_ARGUMENT for another end; UNAVAILABLE when gnuplot is not there or fails.
absl::Status Plot(const Figures& figures, const std::string& path);

}  // namespace keysvc::bench

#endif  // KEYSVC_BENCH_REPORT_H_
