#include <memory>
#include <string>

#include "keysvc/cli/jws_commands.h"
#include "keysvc/cli/verbs.h"

namespace keysvc::cli {
namespace {

// Each needs the other.
void AddOpenBanking(CLI::App& verb, JwsOptions& options, const char* help) {
  CLI::Option* issuer = verb.add_option("--open-banking-issuer", options.open_banking_issuer, help)
                            ->option_text("TEXT");
  CLI::Option* anchor =
      verb.add_option("--open-banking-trust-anchor", options.open_banking_trust_anchor,
                      "The domain of who publishes the key, for the same [none]")
          ->option_text("DOMAIN");
  issuer->needs(anchor);
  anchor->needs(issuer);
}

void AddSignJws(Verbs& verbs, CLI::App& group) {
  const auto options = std::make_shared<JwsOptions>();
  CLI::App& sign = verbs.Remote(
      group, "sign", "Signs a payload of at most 64 KiB.",
      "keysvc jws sign --key tenants/acme/keys/statements --in payload.json --out payload.jws",
      [options](const Connection& connection, Output&) { return SignJws(connection, *options); });
  AddSigningKey(sign, options->key);
  AddFile(sign, "--in", options->in, "The payload [standard input]");
  AddFile(sign, "--out", options->out, "Where the JWS goes [standard output]");
  sign.add_option("--type", options->type, "The header's typ [none]")->option_text("TYPE");
  sign.add_flag("--detached", options->detached, "Leaves the payload out of the JWS");
  sign.add_flag("--unencoded", options->unencoded,
                "Signs the payload as it is (RFC 7797); with --detached");
  sign.add_flag("--without-issue-time", options->without_issue_time,
                "Leaves iat out of the header");
  sign.add_flag("--with-certificates", options->with_certificates,
                "Puts the key's certificates into the header (x5c)");
  AddOpenBanking(sign, *options,
                 "Puts UK Open Banking's parameters into the header: whose signature it is [none]");
  AddRequestId(sign, options->request_id);
}

void AddVerifyJws(Verbs& verbs, CLI::App& group) {
  const auto options = std::make_shared<JwsOptions>();
  CLI::App& verify =
      verbs.Remote(group, "verify", "Checks a JWS by one of the service's keys or a partner's.",
                   "keysvc jws verify --key tenants/acme/keys/statements --jws payload.jws",
                   With(options, VerifyJws));
  AddSigningKey(verify, options->key);
  AddFile(verify, "--jws", options->jws_file, "The JWS")->required();
  AddDetachedPayload(verify, options->in, options->detached, "The payload of a detached JWS");
  AddMaxAge(verify, options->max_age_seconds, "How old it may be [any age]");
  AddAcceptOnce(verify, options->accept_once, options->request_id);
  AddOpenBanking(verify, *options,
                 "Whose signature the header has to say it is, in UK Open Banking's parameters "
                 "[none]");
}

}  // namespace

void AddJwsVerbs(Verbs& verbs) {
  CLI::App& group = verbs.Group("jws", "Signs and checks JSON Web Signatures.");
  AddSignJws(verbs, group);
  AddVerifyJws(verbs, group);
}

}  // namespace keysvc::cli
