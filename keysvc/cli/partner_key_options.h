#ifndef KEYSVC_KEYSVC_CLI_PARTNER_KEY_OPTIONS_H_
#define KEYSVC_KEYSVC_CLI_PARTNER_KEY_OPTIONS_H_

#include <CLI/CLI.hpp>

#include "keysvc/cli/partner_key_commands.h"

namespace keysvc::cli {

// What `verb` may say of a key that it registers. `options` outlives it.
void AddOptions(CLI::App& verb, CreatePartnerKeyOptions& options);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_PARTNER_KEY_OPTIONS_H_
