// keysvc-bench: what the service does, against what the machine can do, measured in the same run.
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "bench/echo.h"
#include "bench/report.h"
#include "bench/run.h"
#include "keysvc/cli/file.h"
#include "keysvc/rpc/server_settings.h"

namespace keysvc::bench {
namespace {

const std::map<std::string, tokenizer::Family> kFamilies = {
    {"opaque", tokenizer::Family::kOpaque},
    {"numeric", tokenizer::Family::kNumeric},
    {"emv", tokenizer::Family::kEmv},
    {"ff1", tokenizer::Family::kFf1},
    {"external", tokenizer::Family::kExternal}};

constexpr char kExitCodes[] =
    "Exit codes: 0 measured, whatever the figures; 1 a call failed or something could not be\n"
    "measured; 2 the command line is wrong.\n";

struct Arguments {
  RunOptions run;
  double seconds = 0;
  bool brief = false;
  std::string json_file;
  std::string plot_file;
};

void Say(const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }

int Fail(const absl::Status& status) {
  Say(absl::StrCat("keysvc-bench: ", status.message()));
  return 1;
}

// One line with the seconds since the start, over the one before on a terminal.
void SayProgress(std::string_view what) {
  static const auto began = std::chrono::steady_clock::now();
  const auto passed =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - began);
  std::fprintf(stderr, isatty(STDERR_FILENO) != 0 ? "\r\033[K[%4llds] %.*s" : "[%4llds] %.*s\n",
               static_cast<long long>(passed.count()), static_cast<int>(what.size()), what.data());
}

int Measure(Arguments& arguments) {
  if (arguments.brief) {
    // Shows that everything can be measured; the figures mean nothing.
    arguments.run.tokens = 1000;
    arguments.run.rounds = 1;
    arguments.run.stretch = {absl::Milliseconds(20), absl::Milliseconds(80)};
  }
  if (arguments.seconds > 0) arguments.run.stretch.counted = absl::Seconds(arguments.seconds);
  const absl::StatusOr<Figures> figures = Run(arguments.run, SayProgress);
  if (isatty(STDERR_FILENO) != 0) Say("");
  if (!figures.ok()) return Fail(figures.status());
  std::fputs(TableOf(*figures).c_str(), stdout);
  if (!arguments.json_file.empty()) {
    const absl::Status written = cli::WriteFile(arguments.json_file, JsonOf(*figures));
    if (!written.ok()) return Fail(written);
  }
  if (!arguments.plot_file.empty()) {
    const absl::Status plotted = Plot(*figures, arguments.plot_file);
    if (!plotted.ok()) return Fail(plotted);
  }
  return figures->Failures().empty() ? 0 : 1;
}

int Echo(const std::string& config) {
  const absl::Status served = ServeEcho(config);
  return served.ok() ? 0 : Fail(served);
}

// The folder that this program was started from.
std::string OwnFolder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
}

int Main(int argc, char** argv) {
  Arguments arguments;
  RunOptions& run = arguments.run;
  run.programs = OwnFolder();
  run.maker = KEYSVC_SOURCE_DIR "/deploy/development";

  CLI::App app("Measures keysvc against what this machine can do, in one run.", "keysvc-bench");
  app.footer(kExitCodes);
  app.add_option_function<double>(
         "--tokens",
         [&run](const double& tokens) { run.tokens = static_cast<std::uint64_t>(tokens); },
         "Tokens in the vault [100000]")
      ->option_text("N")
      ->check(CLI::Range(100.0, 1e8));
  app.add_option("--rounds", run.rounds, "How often everything is measured [5]")
      ->option_text("N")
      ->check(CLI::Range(1, 100));
  app.add_option("--seconds", arguments.seconds, "How long each measure counts [0.6]")
      ->option_text("SECONDS")
      ->check(CLI::Range(0.01, 60.0));
  app.add_option("--only", run.only,
                 "Take only measures whose id (in the JSON) begins so; may be repeated")
      ->option_text("ID");
  app.add_flag("--short", arguments.brief, "Only show that everything can be measured");
  app.add_option("--folder", run.folder,
                 "Where the throw-away deployment is made; its disk is measured [.]")
      ->option_text("FOLDER");
  app.add_option("--module", run.module,
                 "A PKCS#11 module through which SoftHSM2's tokens are reached [SoftHSM2's own]")
      ->option_text("FILE.so")
      ->check(CLI::ExistingFile);
  app.add_option("--json", arguments.json_file, "Also write the figures as JSON")
      ->option_text("FILE");
  app.add_option("--plot", arguments.plot_file, "Also draw the ratios (needs gnuplot)")
      ->option_text("FILE.svg|FILE.png");
  CLI::Option* server =
      app.add_option("--server", run.server, "Measure a service that is up, without ceilings")
          ->option_text("HOST:PORT");
  app.add_option("--clients", run.clients,
                 "With --server: the folder of checkout.ini, settlement.ini and officer-1.ini")
      ->option_text("FOLDER")
      ->needs(server);
  app.add_option("--profile", run.profile,
                 "With --server: the token profile, deterministic if its family can be")
      ->option_text("tenants/T/tokenProfiles/P")
      ->needs(server);
  app.add_option("--family", run.family, "The family of the tokens [opaque]")
      ->option_text("opaque|numeric|emv|ff1|external")
      ->transform(CLI::CheckedTransformer(kFamilies));
  app.require_subcommand(0, 1);
  std::string config;
  CLI::App* echo = app.add_subcommand("echo", "Serve the bare echo (a run starts it by itself)");
  echo->add_option("CONFIG", config, "keysvcd's configuration")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return echo->parsed() ? Echo(config) : Measure(arguments);
}

}  // namespace
}  // namespace keysvc::bench

int main(int argc, char** argv) {
  keysvc::rpc::RequireTls13();
  keysvc::rpc::LookForNoLockCycles();
  ::signal(SIGPIPE, SIG_IGN);
  return keysvc::bench::Main(argc, argv);
}
