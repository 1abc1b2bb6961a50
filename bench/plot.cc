#include <filesystem>
#include <string>
#include <system_error>

#include "absl/strings/str_format.h"
#include "bench/child_process.h"
#include "bench/report.h"
#include "keysvc/cli/file.h"
#include "status/macros.h"

namespace keysvc::bench {
namespace {

constexpr char kScript[] = R"(
set style fill solid 0.6 border -1
set boxwidth 0.6
set yrange [0:*]
set ylabel 'part of the ceiling measured in the same run'
set xtics rotate by -35 noenhanced
set grid y
set key top right
plot $ratios using 0:3:4:5:xtic(1) with boxerrorbars title 'reached (median, least, most)', \
     '' using 0:2:(0.4) with xerrorbars pointtype 0 linewidth 2 linecolor 'red' title 'floor'
)";

}  // namespace

absl::Status Plot(const Figures& figures, const std::string& path) {
  std::string script;
  if (path.ends_with(".svg")) {
    script = "set terminal svg size 1200,700 dynamic background 'white'\n";
  } else if (path.ends_with(".png")) {
    script = "set terminal png size 1200,700\n";
  } else {
    return absl::InvalidArgumentError("a plot's file ends in .svg or .png");
  }
  if (path.find_first_of("'\n") != std::string::npos) {
    return absl::InvalidArgumentError("a plot's file has no quotation marks in its name");
  }
  if (figures.ratios.empty()) {
    return absl::InvalidArgumentError("there is nothing to draw: no ratio was measured");
  }
  absl::StrAppendFormat(&script, "set output '%s'\n$ratios << END\n", path);
  for (const Ratio& ratio : figures.ratios) {
    // NaN: nothing is drawn.
    const std::string floor =
        ratio.floor.has_value() ? absl::StrFormat("%.3f", *ratio.floor) : "NaN";
    absl::StrAppendFormat(&script, "\"%s\" %s %.3f %.3f %.3f\n", ratio.what, floor,
                          ratio.reached.median, ratio.reached.least, ratio.reached.most);
  }
  script += "END\n";
  script += kScript;

  const std::string script_file = path + ".gnuplot";
  RETURN_IF_ERROR(cli::WriteFile(script_file, script));
  absl::Status drawn;
  {
    const auto gnuplot = ChildProcess::Start({"gnuplot", script_file}, script_file + ".log");
    drawn = gnuplot.ok() ? (*gnuplot)->Wait() : gnuplot.status();
  }
  std::error_code gone;
  for (const char* suffix : {"", ".log"}) std::filesystem::remove(script_file + suffix, gone);
  if (!drawn.ok()) {
    return absl::UnavailableError("gnuplot (package gnuplot-nox) is missing or failed");
  }
  return absl::OkStatus();
}

}  // namespace keysvc::bench
