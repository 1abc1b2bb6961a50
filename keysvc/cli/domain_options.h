// What the command line says of what tokens are for, and of what they are used for.
#ifndef KEYSVC_KEYSVC_CLI_DOMAIN_OPTIONS_H_
#define KEYSVC_KEYSVC_CLI_DOMAIN_OPTIONS_H_

#include <CLI/CLI.hpp>
#include <string>

#include "google/protobuf/message.h"
#include "keysvc/v1/token_service.pb.h"

namespace keysvc::cli {

// Whether the command line says anything of it: what tokens are for, are used for, or have with
// them.
bool IsStated(const google::protobuf::Message& stated);

// Adds the options channel, merchant and amounts, each behind `prefix`. `domain` outlives the verb.
void AddDomain(CLI::App& verb, const std::string& prefix, v1::TokenDomain& domain);

// Adds --channel, --merchant and --amount. `use` outlives the verb.
void AddUse(CLI::App& verb, v1::TokenUse& use);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_DOMAIN_OPTIONS_H_
