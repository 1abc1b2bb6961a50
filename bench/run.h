#ifndef KEYSVC_BENCH_RUN_H_
#define KEYSVC_BENCH_RUN_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bench/figures.h"
#include "bench/progress.h"
#include "tokenizer/profile.h"

namespace keysvc::bench {

struct RunOptions {
  std::uint64_t tokens = 100'000;  // in the vault before anything is measured
  int rounds = 5;
  Stretch stretch{absl::Milliseconds(200), absl::Milliseconds(600)};
  std::string folder = ".";  // where the throw-away deployment is made
  std::string maker;         // the path of deploy/development
  std::string programs;      // the folder of keysvcd and keysvc-bench
  tokenizer::Family family = tokenizer::Family::kOpaque;
  // The PKCS#11 module of that deployment, which has to reach SoftHSM2's tokens; SoftHSM2 itself
  // when empty.
  std::string module;
  std::vector<std::string> only;  // measures whose id begins with one of them; all when empty
  // A service that is up instead of one of our own, host:port; then there are no ceilings.
  std::string server;
  std::string clients;  // the folder of its client profiles
  // Its token profile, of that family.
  std::string profile = "tenants/acme/tokenProfiles/cards";
};

// Ceilings and service, measured in turns round by round, so that a noisy neighbour hits both.
// Errors: whatever keeps a measure from being taken at all. Failed calls are in the figures.
absl::StatusOr<Figures> Run(const RunOptions& options, const Progress& progress);

}  // namespace keysvc::bench

#endif  // KEYSVC_BENCH_RUN_H_
