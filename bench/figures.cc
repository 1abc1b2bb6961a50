#include "bench/figures.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"

namespace keysvc::bench {
namespace {

template <typename Of>
Spread SpreadOver(const std::vector<Sample>& rounds, Of of) {
  std::vector<double> values;
  values.reserve(rounds.size());
  for (const Sample& sample : rounds) values.push_back(std::invoke(of, sample));
  return SpreadOf(std::move(values));
}

struct Wanted {
  const char* what;
  const char* figure;
  const char* ceiling;
  std::optional<double> floor;
};

// Floors are those the service was designed for; ratios without one complete the picture.
constexpr Wanted kWanted[] = {
    {"Sign P-256, 64 in flight / raw PKCS#11", "sign-p256.64", "pkcs11-p256", 0.60},
    {"Sign RSA-2048, 64 in flight / raw PKCS#11", "sign-rsa.64", "pkcs11-rsa", 0.97},
    {"Sign P-256, batches of 100 / raw PKCS#11", "sign-batch-p256", "pkcs11-p256", 0.95},
    {"Sign RSA-2048, batches of 100 / raw PKCS#11", "sign-batch-rsa", "pkcs11-rsa", 0.97},
    {"Verify P-256, batches of 100 / OpenSSL", "verify-batch-p256", "openssl-verify-p256", 0.80},
    {"Verify RSA-2048, batches of 100 / OpenSSL", "verify-batch-rsa", "openssl-verify-rsa", 0.80},
    {"Tokenize new, 256 in flight / echo", "tokenize-new.256", "echo.256", 0.40},
    {"Tokenize known, 256 in flight / echo", "tokenize-known.256", "echo.256", 0.65},
    {"Tokenize new, batch of 100 / raw writer", "tokenize-batch", "raw-writer", 0.85},
    {"Detokenize, 256 in flight / echo", "detokenize.256", "echo.256", 0.70},
    {"Detokenize, batch of 100 / raw look-up", "detokenize-batch", "raw-look-up", 0.75},
    {"Verify P-256, 64 in flight / echo", "verify-p256.64", "echo.64", std::nullopt},
    {"Tokenize new, 64 in flight / echo", "tokenize-new.64", "echo.64", std::nullopt},
    {"Tokenize known, 64 in flight / echo", "tokenize-known.64", "echo.64", std::nullopt},
    {"Detokenize, 64 in flight / echo", "detokenize.64", "echo.64", std::nullopt},
    {"Tokenize new, 1 in flight / echo", "tokenize-new.1", "echo.1", std::nullopt},
    {"Detokenize, 1 in flight / echo", "detokenize.1", "echo.1", std::nullopt},
    {"Sign P-256, 1 in flight / echo", "sign-p256.1", "echo.1", std::nullopt},
};

}  // namespace

Spread Figure::Rate() const { return SpreadOver(rounds, &Sample::rate); }

Latencies Figure::LatenciesOfRounds() const {
  const auto median = [this](double Latencies::*part) {
    return SpreadOver(rounds, [part](const Sample& sample) { return sample.latencies.*part; })
        .median;
  };
  return {.p50 = median(&Latencies::p50),
          .p99 = median(&Latencies::p99),
          .p999 = median(&Latencies::p999)};
}

double Figure::ServerTime() const { return SpreadOver(rounds, &Sample::server_time).median; }
double Figure::ClientTime() const { return SpreadOver(rounds, &Sample::client_time).median; }

std::map<std::string, double> Figure::ServerThreads() const {
  // Means: what one round counts in hundredths of a second is too coarse for a median.
  std::map<std::string, double> times;
  for (const Sample& sample : rounds) {
    for (const auto& [name, time] : sample.server_threads) {
      times[name] += time / static_cast<double>(rounds.size());
    }
  }
  return times;
}

const Figure* Figures::Find(std::string_view id) const {
  const auto found = std::find_if(figures.begin(), figures.end(),
                                  [id](const Figure& figure) { return figure.id == id; });
  return found == figures.end() ? nullptr : &*found;
}

std::vector<std::string> Figures::Failures() const {
  std::vector<std::string> failures;
  for (const Figure& figure : figures) {
    std::map<std::string, std::uint64_t> sums;
    for (const Sample& sample : figure.rounds) {
      for (const auto& [why, count] : sample.failures) sums[why] += count;
    }
    for (const auto& [why, count] : sums) {
      failures.push_back(absl::StrCat(figure.id, ": ", why, " (", count, ")"));
    }
  }
  return failures;
}

std::vector<Ratio> RatiosOf(const Figures& figures) {
  std::vector<Ratio> ratios;
  for (const Wanted& wanted : kWanted) {
    const Figure* figure = figures.Find(wanted.figure);
    const Figure* ceiling = figures.Find(wanted.ceiling);
    if (figure == nullptr || ceiling == nullptr) continue;
    std::vector<double> values;
    const std::size_t rounds = std::min(figure->rounds.size(), ceiling->rounds.size());
    for (std::size_t i = 0; i < rounds; ++i) {
      if (ceiling->rounds[i].rate > 0) {
        values.push_back(figure->rounds[i].rate / ceiling->rounds[i].rate);
      }
    }
    ratios.push_back(
        {wanted.what, wanted.figure, wanted.ceiling, wanted.floor, SpreadOf(std::move(values))});
  }
  return ratios;
}

}  // namespace keysvc::bench
