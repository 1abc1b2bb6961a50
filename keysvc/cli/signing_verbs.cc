#include <cstdint>
#include <memory>
#include <string>

#include "keysvc/cli/choices.h"
#include "keysvc/cli/jws_commands.h"
#include "keysvc/cli/signing_commands.h"
#include "keysvc/cli/verbs.h"

namespace keysvc::cli {
namespace {

constexpr std::int64_t kLongestAge = std::int64_t{100} * 366 * 24 * 60 * 60;

// Hides the global --key here; before the verb, in a profile file or as --private-key it works.
void AddSigningKey(CLI::App& verb, std::string& key) {
  AddName(verb, "--key", key, "The key, or one version of it; to verify also a partner's");
}

void AddFileToSign(CLI::App& verb, SignOptions& options) {
  AddSigningKey(verb, options.key);
  AddFile(verb, "--in", options.in, "The file [standard input]");
  AddChoice(verb, "--encoding", options.encoding, kEncodings, "The form of ECDSA signatures [der]");
  AddChoice(verb, "--padding", options.padding, kPaddings, "The padding of RSA signatures [pss]");
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
  verify
      .add_option_function<std::string>(
          "--payload",
          [options](const std::string& file) {
            options->in = file;
            options->detached = true;
          },
          "The payload of a detached JWS")
      ->option_text("FILE");
  verify.add_option("--max-age", options->max_age_seconds, "How old it may be [any age]")
      ->option_text("SECONDS")
      ->check(CLI::Range(std::int64_t{1}, kLongestAge));
}

}  // namespace

void AddSigningVerbs(Verbs& verbs) {
  const auto to_sign = std::make_shared<SignOptions>();
  CLI::App& sign =
      verbs.Remote(verbs.app(), "sign", "Signs a file of at most 64 KiB.",
                   "keysvc sign --key tenants/acme/keys/orders --in order.json --out order.sig",
                   With(to_sign, Sign));
  AddFileToSign(sign, *to_sign);
  AddFile(sign, "--out", to_sign->signature_file,
          "Where the bare signature goes [shown in base64]");
  AddRequestId(sign, to_sign->request_id);

  const auto to_verify = std::make_shared<SignOptions>();
  CLI::App& verify = verbs.Remote(
      verbs.app(), "verify", "Checks the signature of a file.",
      "keysvc verify --key tenants/acme/keys/orders --in order.json --signature order.sig",
      With(to_verify, Verify));
  AddFileToSign(verify, *to_verify);
  AddFile(verify, "--signature", to_verify->signature_file, "The bare signature")->required();
}

void AddJwsVerbs(Verbs& verbs) {
  CLI::App& group = verbs.Group("jws", "Signs and checks JSON Web Signatures.");
  AddSignJws(verbs, group);
  AddVerifyJws(verbs, group);
}

}  // namespace keysvc::cli
