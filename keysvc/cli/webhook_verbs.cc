#include <memory>
#include <string>

#include "keysvc/cli/verbs.h"
#include "keysvc/cli/webhook_commands.h"

namespace keysvc::cli {
namespace {

void AddWebhook(CLI::App& verb, WebhookOptions& options) {
  AddSigningKey(verb, options.key);
  AddFile(verb, "--in", options.in, "The body [standard input]");
  verb.add_option("--field", options.signature_field,
                  "The field that t=...,v1=... is in [as Standard Webhooks has it]")
      ->option_text("NAME");
}

void AddSignWebhook(Verbs& verbs, CLI::App& group) {
  const auto options = std::make_shared<WebhookOptions>();
  CLI::App& sign = verbs.Remote(
      group, "sign", "Signs a body of at most 64 KiB and writes the fields to send with it.",
      "keysvc webhook sign --key tenants/acme/keys/events --id msg_1 --in event.json --out fields",
      [options](const Connection& connection, Output&) {
        return SignWebhook(connection, *options);
      });
  AddWebhook(sign, *options);
  sign.add_option("--id", options->message_id,
                  "The event's, the same for every attempt; not with --field")
      ->option_text("ID");
  AddFile(sign, "--out", options->out, "Where the fields go [standard output]");
  AddRequestId(sign, options->request_id);
}

void AddVerifyWebhook(Verbs& verbs, CLI::App& group) {
  const auto options = std::make_shared<WebhookOptions>();
  CLI::App& verify = verbs.Remote(
      group, "verify", "Checks a webhook by one of the service's keys or a partner's.",
      "keysvc webhook verify --key tenants/acme/partnerKeys/shop --fields fields --in event.json",
      With(options, VerifyWebhook));
  AddWebhook(verify, *options);
  AddFile(verify, "--fields", options->fields_file, "The fields that came with it")->required();
  AddMaxAge(verify, options->max_age_seconds, "How old it may be [300]");
  AddAcceptOnce(verify, options->accept_once, options->request_id);
}

}  // namespace

void AddWebhookVerbs(Verbs& verbs) {
  CLI::App& group = verbs.Group("webhook", "Signs and checks webhooks.");
  AddSignWebhook(verbs, group);
  AddVerifyWebhook(verbs, group);
}

}  // namespace keysvc::cli
