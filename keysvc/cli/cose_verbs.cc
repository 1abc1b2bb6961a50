#include <memory>
#include <string>

#include "keysvc/cli/cose_commands.h"
#include "keysvc/cli/verbs.h"

namespace keysvc::cli {
namespace {

void AddSignCose(Verbs& verbs, CLI::App& group) {
  const auto options = std::make_shared<CoseOptions>();
  CLI::App& sign = verbs.Remote(
      group, "sign", "Signs a payload of at most 64 KiB as a COSE_Sign1 (RFC 9052).",
      "keysvc cose sign --key tenants/acme/keys/receipts --in receipt.cbor --out receipt.cose",
      [options](const Connection& connection, Output&) { return SignCose(connection, *options); });
  AddSigningKey(sign, options->key);
  AddFile(sign, "--in", options->in, "The payload [standard input]");
  AddFile(sign, "--external-aad", options->external_aad_file,
          "What both sides know without sending it [nothing]");
  AddFile(sign, "--out", options->out, "Where the COSE_Sign1 goes [standard output]");
  sign.add_flag("--detached", options->detached, "Leaves the payload out of it");
  sign.add_flag("--without-issue-time", options->without_issue_time,
                "Leaves iat out of the header");
  AddRequestId(sign, options->request_id);
}

void AddVerifyCose(Verbs& verbs, CLI::App& group) {
  const auto options = std::make_shared<CoseOptions>();
  CLI::App& verify = verbs.Remote(
      group, "verify", "Checks a COSE_Sign1 by one of the service's keys or a partner's.",
      "keysvc cose verify --key tenants/acme/keys/receipts --cose receipt.cose",
      With(options, VerifyCose));
  AddSigningKey(verify, options->key);
  AddFile(verify, "--cose", options->cose_file, "The COSE_Sign1")->required();
  AddDetachedPayload(verify, options->in, options->detached, "The payload of a detached one");
  AddFile(verify, "--external-aad", options->external_aad_file,
          "What both sides know without sending it [nothing]");
  AddMaxAge(verify, options->max_age_seconds, "How old it may be [any age]");
  AddAcceptOnce(verify, options->accept_once, options->request_id);
}

}  // namespace

void AddCoseVerbs(Verbs& verbs) {
  CLI::App& group = verbs.Group("cose", "Signs and checks COSE_Sign1 messages.");
  AddSignCose(verbs, group);
  AddVerifyCose(verbs, group);
}

}  // namespace keysvc::cli
