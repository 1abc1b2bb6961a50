#include "keysvc/cli/verbs.h"

#include <utility>

#include "absl/time/time.h"
#include "keysvc/cli/choices.h"
#include "policy/risk.h"

namespace keysvc::cli {

const char kExitCodes[] =
    "Exit codes: 0 done; 1 the answer is no (refused, denied, wrong signature, changed export);\n"
    "2 the command line is wrong; 3 no answer (service away, file not readable).\n";

Verbs::Verbs(CLI::App& app) : app_(app) {
  app_.add_option("--server", endpoint_.server, "Where the service is")
      ->option_text("HOST:PORT [127.0.0.1:7443]");
  AddFile(app_, "--ca", endpoint_.ca_file, "The authority of the service's certificate");
  AddFile(app_, "--certificate", endpoint_.certificate_file, "The client's certificate");
  AddFile(app_, "--key,--private-key", endpoint_.key_file,
          "The private key of the client's certificate");
  app_.add_option("--server-name", endpoint_.server_name,
                  "The name in the service's certificate, when it is not the host's")
      ->option_text("NAME");
  app_.add_option("--timeout", timeout_, "How long a call may take [10; an export 600]")
      ->option_text("SECONDS")
      ->check(CLI::Range(0.001, 86400.0));
  AddChoice(app_, "--output", format_, kFormats, "For people or for programs [table]");
}

CLI::App& Verbs::Group(const char* name, const char* what) {
  CLI::App& group = *app_.add_subcommand(name, what);
  group.require_subcommand(1);
  return group;
}

CLI::App& Verbs::Local(CLI::App& parent, const char* name, const char* what,
                       const std::string& example, LocalVerb verb) {
  CLI::App& command = *parent.add_subcommand(name, what);
  command.footer("Example:\n  " + example + "\n\n" + kExitCodes);
  command.final_callback([this, verb = std::move(verb)] {
    chosen_ = [this, &verb] {
      Output output(format_);
      return verb(output);
    };
  });
  return command;
}

CLI::App& Verbs::Remote(CLI::App& parent, const char* name, const char* what,
                        const std::string& example, RemoteVerb verb) {
  return Local(parent, name, what, example, [this, verb = std::move(verb)](Output& output) {
    if (timeout_ > 0) endpoint_.timeout = absl::Seconds(timeout_);
    const absl::StatusOr<Connection> connection = Connection::Open(endpoint_);
    return connection.ok() ? verb(*connection, output) : Report(connection.status());
  });
}

CLI::Option* AddFile(CLI::App& verb, const char* name, std::string& target, const char* help) {
  return verb.add_option(name, target, help)->option_text("FILE");
}

void AddName(CLI::App& verb, const char* name, std::string& target, const char* help) {
  verb.add_option(name, target, help)->option_text("NAME")->required();
}

void AddRequestId(CLI::App& verb, std::string& target) {
  verb.add_option("--request-id", target, "The same id gives the same answer again [a new one]")
      ->option_text("UUID");
}

void AddRiskScore(CLI::App& verb, std::optional<std::uint32_t>& target) {
  verb.add_option("--risk-score", target, "How risky it is, where the policy asks for it")
      ->option_text("0-" + std::to_string(policy::kHighestRisk))
      ->check(CLI::Range(std::uint32_t{0}, policy::kHighestRisk));
}

void AddSigningKey(CLI::App& verb, std::string& target) {
  AddName(verb, "--key", target, "The key, or one version of it; to verify also a partner's");
}

void AddMaxAge(CLI::App& verb, std::int64_t& seconds, const char* help) {
  constexpr std::int64_t kCentury = std::int64_t{100} * 366 * 24 * 60 * 60;
  verb.add_option("--max-age", seconds, help)
      ->option_text("SECONDS")
      ->check(CLI::Range(std::int64_t{1}, kCentury));
}

void AddDetachedPayload(CLI::App& verb, std::string& in, bool& detached, const char* help) {
  verb.add_option_function<std::string>(
          "--payload",
          [&in, &detached](const std::string& file) {
            in = file;
            detached = true;
          },
          help)
      ->option_text("FILE");
}

void AddAcceptOnce(CLI::App& verb, bool& once, std::string& request_id) {
  verb.add_flag("--once", once, "Accepts it once: its nonce or id, else what is signed");
  AddRequestId(verb, request_id);
}

void AddSubject(CLI::App& verb, std::string& target, const char* help) {
  AddName(verb, "name", target, help);
}

}  // namespace keysvc::cli
