#include <memory>
#include <string>

#include "keysvc/cli/http_commands.h"
#include "keysvc/cli/verbs.h"

namespace keysvc::cli {
namespace {

void AddMessage(CLI::App& verb, HttpSignatureOptions& options) {
  AddSigningKey(verb, options.key);
  AddFile(verb, "--message", options.message_file,
          "The request or response as it is in HTTP/1.1 [standard input]");
  verb.add_option("--scheme", options.scheme, "Of a request whose target has none [https]")
      ->option_text("SCHEME");
  verb.add_option("--label", options.label, "Which signature of the message [sig1; the only one]")
      ->option_text("LABEL");
}

void AddSignHttp(Verbs& verbs, CLI::App& group) {
  const auto options = std::make_shared<HttpSignatureOptions>();
  CLI::App& sign = verbs.Remote(
      group, "sign", "Signs an HTTP message (RFC 9421) and writes the fields to add to it.",
      "keysvc http sign --key tenants/acme/keys/bank --message request.http --cover @method "
      "--cover @target-uri --cover content-digest",
      [options](const Connection& connection, Output&) {
        return SignHttpMessage(connection, *options);
      });
  AddMessage(sign, *options);
  sign.add_option("--cover", options->components,
                  "What is signed, in this order: @method, @target-uri, ..., or a field's name")
      ->option_text("COMPONENT")
      ->required()
      ->allow_extra_args(false);
  sign.add_option("--valid", options->valid_seconds, "Until it expires [never]")
      ->option_text("SECONDS");
  sign.add_option("--nonce", options->nonce, "The parameter nonce [none]")->option_text("TEXT");
  sign.add_option("--tag", options->tag, "The parameter tag [none]")->option_text("TEXT");
  AddFile(sign, "--out", options->out, "Where the fields go [standard output]");
  AddRequestId(sign, options->request_id);
}

void AddVerifyHttp(Verbs& verbs, CLI::App& group) {
  const auto options = std::make_shared<HttpSignatureOptions>();
  CLI::App& verify = verbs.Remote(
      group, "verify",
      "Checks the signature of an HTTP message by one of the service's keys or a partner's.",
      "keysvc http verify --key tenants/acme/partnerKeys/bank --message request.http --require "
      "@method --require content-digest",
      With(options, VerifyHttpMessage));
  AddMessage(verify, *options);
  verify.add_option("--require", options->components, "What has to be covered")
      ->option_text("COMPONENT")
      ->allow_extra_args(false);
  AddMaxAge(verify, options->max_age_seconds, "How old it may be [any age]");
  AddAcceptOnce(verify, options->accept_once, options->request_id);
}

}  // namespace

void AddHttpVerbs(Verbs& verbs) {
  CLI::App& group = verbs.Group("http", "Signs and checks HTTP messages.");
  AddSignHttp(verbs, group);
  AddVerifyHttp(verbs, group);
}

}  // namespace keysvc::cli
