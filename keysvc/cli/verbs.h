#ifndef KEYSVC_KEYSVC_CLI_VERBS_H_
#define KEYSVC_KEYSVC_CLI_VERBS_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "keysvc/cli/connection.h"
#include "keysvc/cli/exit_code.h"
#include "keysvc/cli/output.h"

namespace keysvc::cli {

// What every help text ends with.
extern const char kExitCodes[];

using RemoteVerb = std::function<ExitCode(const Connection&, Output&)>;
using LocalVerb = std::function<ExitCode(Output&)>;

// A verb that runs `command` with `options`, which the command line fills in and which live as
// long as the verb.
template <typename Options>
RemoteVerb With(std::shared_ptr<Options> options,
                ExitCode (*command)(const Connection&, const Options&, Output&)) {
  return [options = std::move(options), command](const Connection& connection, Output& output) {
    return command(connection, *options, output);
  };
}
template <typename Options>
LocalVerb With(std::shared_ptr<Options> options, ExitCode (*command)(const Options&, Output&)) {
  return
      [options = std::move(options), command](Output& output) { return command(*options, output); };
}

// The verbs of a command line, what all of them share (where the service is, how answers are
// shown), and which of them was chosen.
class Verbs {
 public:
  // Adds the shared options to `app`, which outlives this.
  explicit Verbs(CLI::App& app);
  Verbs(const Verbs&) = delete;
  Verbs& operator=(const Verbs&) = delete;

  CLI::App& app() { return app_; }

  // Verbs of one noun, of which one has to be chosen.
  CLI::App& Group(const char* name, const char* what);

  // A verb that needs no service.
  CLI::App& Local(CLI::App& parent, const char* name, const char* what, const std::string& example,
                  LocalVerb verb);

  // A verb of the service.
  CLI::App& Remote(CLI::App& parent, const char* name, const char* what, const std::string& example,
                   RemoteVerb verb);

  // Runs the verb that the parsed command line chose.
  ExitCode RunChosen() { return chosen_(); }

 private:
  CLI::App& app_;
  Endpoint endpoint_;
  double timeout_ = 0;
  Format format_ = Format::kTable;
  std::function<ExitCode()> chosen_;
};

// Options of more than one verb. `target` outlives the verb.
CLI::Option* AddFile(CLI::App& verb, const char* name, std::string& target, const char* help);
void AddName(CLI::App& verb, const char* name, std::string& target, const char* help);
void AddRequestId(CLI::App& verb, std::string& target);
void AddRiskScore(CLI::App& verb, std::optional<std::uint32_t>& target);
// A key to sign or verify by. Hides the global --key; before the verb, in a profile file or as
// --private-key that one works.
void AddSigningKey(CLI::App& verb, std::string& target);
void AddMaxAge(CLI::App& verb, std::int64_t& seconds, const char* help);
// The payload of what is to be verified, where it is not in it. The targets outlive the verb.
void AddDetachedPayload(CLI::App& verb, std::string& in, bool& detached, const char* help);
// To accept a signature once; a repetition of the call takes the same request id.
void AddAcceptOnce(CLI::App& verb, bool& once, std::string& request_id);
// The name that the verb is about, which needs no option before it.
void AddSubject(CLI::App& verb, std::string& target, const char* help);

// Each adds the verbs of one noun.
void AddTokenVerbs(Verbs& verbs);
void AddSigningVerbs(Verbs& verbs);
void AddJwsVerbs(Verbs& verbs);
void AddHttpVerbs(Verbs& verbs);
void AddWebhookVerbs(Verbs& verbs);
void AddCoseVerbs(Verbs& verbs);
void AddKeyVerbs(Verbs& verbs);
void AddPartnerKeyVerbs(Verbs& verbs);
void AddAuditVerbs(Verbs& verbs);
void AddPolicyVerbs(Verbs& verbs);
void AddRecoveryVerbs(Verbs& verbs);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_VERBS_H_
