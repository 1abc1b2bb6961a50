#ifndef KEYSVC_BENCH_CARDS_H_
#define KEYSVC_BENCH_CARDS_H_

#include <cstdint>
#include <string>

namespace keysvc::bench {

// How many numbers CardNumber() knows.
inline constexpr std::uint64_t kCardNumbers = 1'000'000'000;

// The n-th (modulo kCardNumbers) of the 16-digit card numbers that begin with 400000, a range that
// no issuer has. Neighbours look unrelated; no two are the same.
std::string CardNumber(std::uint64_t n);

}  // namespace keysvc::bench

#endif  // KEYSVC_BENCH_CARDS_H_
