#include "bench/report.h"

#include <nlohmann/json.hpp>
#include <string_view>

#include "absl/strings/str_format.h"

namespace keysvc::bench {
namespace {

using Json = nlohmann::ordered_json;

std::string Verdict(double reached, double floor) { return reached >= floor ? "yes" : "NO"; }

Json ToJson(const Spread& spread) {
  return {{"median", spread.median}, {"min", spread.least}, {"max", spread.most}};
}

Json ToJson(const Figure& figure) {
  const Latencies latencies = figure.LatenciesOfRounds();
  Json json = {{"id", figure.id},
               {"what", figure.what},
               {"ceiling", figure.ceiling},
               {"rate_per_second", ToJson(figure.Rate())}};
  if (latencies.p50 > 0) {
    json["latency_us"] = {
        {"p50", latencies.p50}, {"p99", latencies.p99}, {"p99.9", latencies.p999}};
    json["server_cpu_us_per_call"] = figure.ServerTime();
    json["client_cpu_us_per_call"] = figure.ClientTime();
    json["server_cpu_us_per_call_by_thread"] = figure.ServerThreads();
  }
  return json;
}

void AppendFigures(const Figures& figures, std::string& out) {
  absl::StrAppendFormat(&out, "%-44s %10s %10s %10s %8s %8s %8s %7s %7s\n", "", "per second", "min",
                        "max", "p50 us", "p99 us", "p99.9 us", "server", "client");
  for (const Figure& figure : figures.figures) {
    const Spread rate = figure.Rate();
    absl::StrAppendFormat(&out, "%-44s %10.0f %10.0f %10.0f", figure.what, rate.median, rate.least,
                          rate.most);
    const Latencies latencies = figure.LatenciesOfRounds();
    if (latencies.p50 > 0) {
      absl::StrAppendFormat(&out, " %8.0f %8.0f %8.0f %7.1f %7.1f", latencies.p50, latencies.p99,
                            latencies.p999, figure.ServerTime(), figure.ClientTime());
    }
    out += '\n';
  }
  out += "server, client: microseconds of processor time for each call\n";
}

void AppendRatios(const Figures& figures, std::string& out) {
  if (figures.ratios.empty()) return;
  absl::StrAppendFormat(&out, "\n%-48s %6s %8s %8s %8s %8s\n", "ratio", "floor", "reached", "min",
                        "max", "");
  for (const Ratio& ratio : figures.ratios) {
    absl::StrAppendFormat(
        &out, "%-48s %6s %8.2f %8.2f %8.2f %8s\n", ratio.what,
        ratio.floor.has_value() ? absl::StrFormat("%.2f", *ratio.floor) : "", ratio.reached.median,
        ratio.reached.least, ratio.reached.most,
        ratio.floor.has_value() ? Verdict(ratio.reached.median, *ratio.floor) : "");
  }
}

void AppendBounds(const Figures& figures, std::string& out) {
  if (figures.bounds.empty()) return;
  absl::StrAppendFormat(&out, "\n%-56s %8s %8s %8s %8s\n", "bound", "at most", "reached", "min",
                        "max");
  for (const Bound& bound : figures.bounds) {
    absl::StrAppendFormat(
        &out, "%-56s %8s %8.1f %8.1f %8.1f %-5s %3s\n", bound.what,
        bound.limit.has_value() ? absl::StrFormat("%.1f", *bound.limit) : "", bound.reached.median,
        bound.reached.least, bound.reached.most, bound.unit,
        bound.limit.has_value() ? Verdict(*bound.limit, bound.reached.median) : "");
  }
}

void AppendThreads(const Figures& figures, std::string& out) {
  out += "\nserver processor time for each call, by thread, in microseconds\n";
  for (const Figure& figure : figures.figures) {
    const auto threads = figure.ServerThreads();
    if (threads.empty()) continue;
    absl::StrAppendFormat(&out, "%-44s", figure.what);
    for (const auto& [name, time] : threads) {
      if (time >= 0.5) absl::StrAppendFormat(&out, " %s %.1f", name, time);
    }
    out += '\n';
  }
}

}  // namespace

std::string TableOf(const Figures& figures) {
  std::string out;
  for (const auto& [name, value] : figures.machine) {
    absl::StrAppendFormat(&out, "%-20s %s\n", name, value);
  }
  out += '\n';
  AppendFigures(figures, out);
  AppendThreads(figures, out);
  AppendRatios(figures, out);
  AppendBounds(figures, out);
  for (const std::string& failure : figures.Failures()) out += "FAILED " + failure + "\n";
  return out;
}

std::string JsonOf(const Figures& figures) {
  Json json = {{"format", 1}};
  for (const auto& [name, value] : figures.machine) json["machine"][name] = value;
  for (const Figure& figure : figures.figures) json["figures"].push_back(ToJson(figure));
  for (const Ratio& ratio : figures.ratios) {
    json["ratios"].push_back({{"what", ratio.what},
                              {"figure", ratio.figure},
                              {"ceiling", ratio.ceiling},
                              {"floor", ratio.floor.has_value() ? Json(*ratio.floor) : Json()},
                              {"reached", ToJson(ratio.reached)}});
  }
  for (const Bound& bound : figures.bounds) {
    json["bounds"].push_back({{"what", bound.what},
                              {"unit", bound.unit},
                              {"limit", bound.limit.has_value() ? Json(*bound.limit) : Json()},
                              {"reached", ToJson(bound.reached)}});
  }
  json["failures"] = figures.Failures();
  return json.dump(2) + "\n";
}

}  // namespace keysvc::bench
