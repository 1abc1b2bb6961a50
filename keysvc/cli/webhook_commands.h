#ifndef KEYSVC_KEYSVC_CLI_WEBHOOK_COMMANDS_H_
#define KEYSVC_KEYSVC_CLI_WEBHOOK_COMMANDS_H_

#include <cstdint>
#include <string>

#include "keysvc/cli/connection.h"
#include "keysvc/cli/exit_code.h"
#include "keysvc/cli/output.h"

namespace keysvc::cli {

struct WebhookOptions {
  std::string key;
  std::string in = "-";  // the body
  std::string message_id;
  std::string signature_field;  // that t=...,v1=... is in; empty: as Standard Webhooks has it
  // Verify reads the webhook's fields from there.
  std::string fields_file;
  std::string out = "-";
  std::int64_t max_age_seconds = 0;
  bool accept_once = false;
  std::string request_id;
};
// Writes the fields to send with the body, one in a line.
ExitCode SignWebhook(const Connection& connection, const WebhookOptions& options);
// kNo for one that is not accepted.
ExitCode VerifyWebhook(const Connection& connection, const WebhookOptions& options, Output& output);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_WEBHOOK_COMMANDS_H_
