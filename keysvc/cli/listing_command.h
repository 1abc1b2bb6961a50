#ifndef KEYSVC_KEYSVC_CLI_LISTING_COMMAND_H_
#define KEYSVC_KEYSVC_CLI_LISTING_COMMAND_H_

#include <string>

#include "keysvc/cli/connection.h"
#include "keysvc/cli/exit_code.h"
#include "keysvc/cli/metadata_options.h"
#include "keysvc/cli/output.h"

namespace keysvc::cli {

struct ListingOptions {
  std::string profile;
  MetadataValues filter = {};
  v1::TokenState state = v1::TOKEN_STATE_UNSPECIFIED;
};

// Shows the tokens of a profile, page by page until the last one.
ExitCode ListTokens(const Connection& connection, const ListingOptions& options, Output& output);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_LISTING_COMMAND_H_
