#include "bench/verify_ceiling.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "status/macros.h"

namespace keysvc::bench {

absl::StatusOr<double> MeasureVerifications(const SigningKey& key,
                                            crypto::SignatureAlgorithm algorithm,
                                            absl::Duration time) {
  ASSIGN_OR_RETURN(const auto public_key, crypto::PublicKey::FromSpki(key.public_key));
  std::atomic<bool> stopping = false;
  std::atomic<bool> right = true;
  std::atomic<std::uint64_t> checked = 0;
  const auto check = [&] {
    std::uint64_t mine = 0;
    for (; !stopping.load(std::memory_order_relaxed); ++mine) {
      if (!public_key->Verify(algorithm, key.message, key.signature)) right = false;
    }
    checked += mine;
  };
  const auto began = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  const unsigned processors = std::max(1U, std::thread::hardware_concurrency());
  for (unsigned i = 0; i < processors; ++i) threads.emplace_back(check);
  absl::SleepFor(time);
  stopping = true;
  for (std::thread& thread : threads) thread.join();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  if (!right) return absl::UnavailableError("a signature of the service does not verify");
  return static_cast<double>(checked.load()) / took.count();
}

}  // namespace keysvc::bench
