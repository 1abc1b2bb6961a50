#ifndef KEYSVC_KEYSVC_CLI_TOKEN_COMMANDS_H_
#define KEYSVC_KEYSVC_CLI_TOKEN_COMMANDS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "keysvc/cli/connection.h"
#include "keysvc/cli/exit_code.h"
#include "keysvc/cli/output.h"
#include "keysvc/v1/token_service.pb.h"

namespace keysvc::cli {

// "active" ..., as the service's records say it; empty for the unspecified state.
std::string_view WordOf(v1::TokenState state);

struct TokenizeOptions {
  std::string profile;
  std::string file = "-";
  std::string request_id;
  v1::TokenDomain domain = {};
  v1::TokenMetadata metadata = {};
};
ExitCode Tokenize(const Connection& connection, const TokenizeOptions& options, Output& output);

struct LookUpOptions {
  std::string profile;
  std::string file = "-";
};
ExitCode LookUpTokens(const Connection& connection, const LookUpOptions& options, Output& output);

struct FingerprintOptions {
  std::string tenant;
  std::string file = "-";
  std::uint32_t key_version = 0;
};
ExitCode FingerprintCards(const Connection& connection, const FingerprintOptions& options,
                          Output& output);

struct DetokenizeOptions {
  std::vector<std::string> names;
  std::string purpose;
  std::string profile;
  bool reveal = false;
  v1::TokenUse use = {};
  std::optional<std::uint32_t> risk_score = {};  // of all of them
};
ExitCode Detokenize(const Connection& connection, const DetokenizeOptions& options, Output& output);

struct GetTokenOptions {
  std::string name;
  std::string profile;
};
ExitCode GetToken(const Connection& connection, const GetTokenOptions& options, Output& output);

// Of the verbs that do something with tokens once, however often they are repeated.
struct TokensOptions {
  std::vector<std::string> names;
  std::string request_id;
  std::string profile;
  // Of ConvertTokens:
  std::string target;
  v1::TokenUse use = {};
  v1::TokenDomain domain = {};
  v1::TokenMetadata metadata = {};
};
ExitCode ConvertTokens(const Connection& connection, const TokensOptions& options, Output& output);
ExitCode SuspendTokens(const Connection& connection, const TokensOptions& options, Output& output);
ExitCode ResumeTokens(const Connection& connection, const TokensOptions& options, Output& output);
ExitCode DeleteTokens(const Connection& connection, const TokensOptions& options, Output& output);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_TOKEN_COMMANDS_H_
