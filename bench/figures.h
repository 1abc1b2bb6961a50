// What a run came to.
#ifndef KEYSVC_BENCH_FIGURES_H_
#define KEYSVC_BENCH_FIGURES_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load.h"
#include "bench/spread.h"

namespace keysvc::bench {

// One measure, with a sample of every round.
struct Figure {
  std::string id;        // "tokenize-new.256"
  std::string what;      // "Tokenize, new card, 256 in flight"
  bool ceiling = false;  // what the machine can do, rather than what the service does
  std::vector<Sample> rounds;

  Spread Rate() const;
  // The medians of the rounds.
  Latencies LatenciesOfRounds() const;
  double ServerTime() const;
  double ClientTime() const;
  std::map<std::string, double> ServerThreads() const;
};

// The rate of a measure over that of a ceiling, round by round.
struct Ratio {
  std::string what;
  std::string figure;  // ids
  std::string ceiling;
  std::optional<double> floor;
  Spread reached;
};

// A figure that must not be larger than something, or that such a one is compared with.
struct Bound {
  std::string what;
  std::string unit;
  std::optional<double> limit;
  Spread reached;
};

struct Figures {
  std::vector<std::pair<std::string, std::string>> machine;  // name, value
  std::vector<Figure> figures;
  std::vector<Ratio> ratios;
  std::vector<Bound> bounds;

  // nullptr when it was not measured.
  const Figure* Find(std::string_view id) const;
  // Every failed call, "id: what (how often)".
  std::vector<std::string> Failures() const;
};

// Floors that one run may be asked to reach.
std::vector<Ratio> RatiosOf(const Figures& figures);

}  // namespace keysvc::bench

#endif  // KEYSVC_BENCH_FIGURES_H_
