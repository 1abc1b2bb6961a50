#include <map>
#include <memory>
#include <string>

#include "keysvc/cli/choices.h"
#include "keysvc/cli/csr_command.h"
#include "keysvc/cli/jws_commands.h"
#include "keysvc/cli/key_commands.h"
#include "keysvc/cli/verbs.h"

namespace keysvc::cli {
namespace {

void AddCreate(Verbs& verbs, CLI::App& keys) {
  const auto options = std::make_shared<CreateKeyOptions>();
  CLI::App& verb =
      verbs.Remote(keys, "create", "Makes a key inside the HSM.",
                   "keysvc keys create tenants/acme/keys/orders --algorithm ec-p256 --days 365",
                   With(options, CreateKey));
  AddSubject(verb, options->name, "The new key");
  AddChoice(verb, "--algorithm", options->algorithm, kAlgorithms,
            "What it signs with [ec-p256; ed25519 for webhook; hmac-sha256 for mac and "
            "timestamped-webhook; aes-256-cmac for\nshared-mac; rsa-3072 for secret-import]");
  AddChoice(
      verb, "--purpose", options->purpose, kPurposes,
      "What it signs: bare messages, JWS, HTTP messages, webhooks or COSE; for webhooks, a key "
      "of hmac-sha256\nis shared with their receiver. shared-mac MACs bare messages by a key that "
      "a partner has too. secret-import takes\nin what partners wrap, and is of rsa-3072 or "
      "rsa-4096 [sign; mac for hmac-... and aes-256-cmac]");
  verb.add_option("--days", options->cryptoperiod_days,
                  "For how long it makes new signatures, or takes in secrets [365; 30]")
      ->option_text("1-1095")
      ->check(CLI::Range(1, 1095));
  verb.add_flag("--low-s", options->low_s,
                "Of ec-p256 and ec-p384: every signature has the low value of s");
  verb.add_option("--max-signatures", options->max_signatures,
                  "How many signatures each version makes [any number]")
      ->option_text("NUMBER")
      ->check(CLI::PositiveNumber);
  AddRequestId(verb, options->request_id);
}

void AddCreateVersion(Verbs& verbs, CLI::App& keys) {
  const auto options = std::make_shared<ChangeKeyOptions>();
  CLI::App& verb = verbs.Remote(keys, "create-version",
                                "Makes the next version of a key that signs, and publishes it, or "
                                "of one of shared-mac, to be "
                                "delivered; rotate makes it sign.",
                                "keysvc keys create-version tenants/acme/keys/statements",
                                With(options, CreateKeyVersion));
  AddSubject(verb, options->name, "The key");
  AddRequestId(verb, options->request_id);
}

void AddRotate(Verbs& verbs, CLI::App& keys) {
  const auto options = std::make_shared<ChangeKeyOptions>();
  CLI::App& verb = verbs.Remote(
      keys, "rotate", "Makes the next version sign from now on; old ones still verify.",
      "keysvc keys rotate tenants/acme/keys/orders", With(options, RotateKey));
  AddSubject(verb, options->name, "The key");
  verb.add_flag(
      "--at-once", options->at_once,
      "Also to a version that verifiers may not know yet: not made ahead, or published for less "
      "than five minutes; ends the old version of a shared key");
  AddRequestId(verb, options->request_id);
}

void AddDeliver(Verbs& verbs, CLI::App& keys) {
  const auto options = std::make_shared<DeliverKeyOptions>();
  CLI::App& verb = verbs.Remote(
      keys, "deliver",
      "Hands a version of a shared key to a partner, once: writes it wrapped by the partner's key.",
      "keysvc keys deliver tenants/acme/keys/hooks --to tenants/acme/partnerKeys/shop --out "
      "hooks.wrapped",
      With(options, DeliverKey));
  AddSubject(verb, options->name, "The key, or one version of it");
  verb.add_option("--to", options->partner_key,
                  "The partner's key, tenants/{tenant}/partnerKeys/{key}")
      ->option_text("NAME")
      ->required();
  AddFile(verb, "--out", options->out, "Where the wrapped secret goes")->required();
  AddRequestId(verb, options->request_id);
}

void AddImport(Verbs& verbs, CLI::App& keys) {
  const auto options = std::make_shared<ImportKeyOptions>();
  CLI::App& verb = verbs.Remote(
      keys, "import",
      "Takes in a secret that a partner has wrapped: as a new key, or the next version of one.",
      "keysvc keys import tenants/acme/keys/bank-hooks --purpose webhook --under "
      "tenants/acme/keys/import --in bank.wrapped",
      With(options, ImportKey));
  AddSubject(verb, options->name, "The key");
  AddChoice(verb, "--purpose", options->purpose, kSharedPurposes,
            "What it signs or MACs [webhook]");
  AddChoice(verb, "--algorithm", options->algorithm, kSharedAlgorithms,
            "What it signs with [hmac-sha256]");
  verb.add_option("--days", options->cryptoperiod_days, "For how long it signs [365]")
      ->option_text("1-1095")
      ->check(CLI::Range(1, 1095));
  verb.add_option("--under", options->import_key,
                  "The key of the purpose secret-import that the secret is wrapped for")
      ->option_text("NAME")
      ->required();
  AddChoice(verb, "--wrapping", options->wrapping, kWrappings,
            "How it is wrapped [rsa-oaep-sha256]");
  AddFile(verb, "--in", options->in, "The wrapped secret [standard input]");
  AddRequestId(verb, options->request_id);
}

void AddAttachCertificate(Verbs& verbs, CLI::App& keys) {
  const auto options = std::make_shared<AttachCertificateOptions>();
  CLI::App& verb = verbs.Remote(
      keys, "attach-certificate",
      "Attaches a certificate, followed by those of its issuers, to a version of a key.",
      "keysvc keys attach-certificate tenants/acme/keys/bank/versions/2 --in bank.pem",
      With(options, AttachCertificate));
  AddSubject(verb, options->name, "The key, or one version of it");
  AddFile(verb, "--in", options->in, "The certificates in PEM [standard input]");
  verb.add_option("--kid", options->kid,
                  "What the directory that publishes the key calls it, for JWS headers and the key "
                  "set\n[what it is called already]")
      ->option_text("KID");
  AddRequestId(verb, options->request_id);
}

void AddGetAndList(Verbs& verbs, CLI::App& keys) {
  const auto key = std::make_shared<std::string>();
  AddSubject(verbs.Remote(keys, "get", "Shows the versions of a key.",
                          "keysvc keys get tenants/acme/keys/orders", With(key, GetKey)),
             *key, "The key");
  const auto tenant = std::make_shared<std::string>();
  AddSubject(verbs.Remote(keys, "list", "Shows the keys of a tenant.",
                          "keysvc keys list tenants/acme", With(tenant, ListKeys)),
             *tenant, "The tenant, tenants/{tenant}");
}

const std::map<std::string, PublicKeyFormat> kPublicKeyFormats = {
    {"pem", PublicKeyFormat::kPem}, {"der", PublicKeyFormat::kDer}, {"jwk", PublicKeyFormat::kJwk}};

void AddPublicKey(Verbs& verbs, CLI::App& keys) {
  const auto options = std::make_shared<PublicKeyOptions>();
  CLI::App& verb = verbs.Remote(keys, "public-key", "Writes the public half of a key.",
                                "keysvc keys public-key tenants/acme/keys/orders --out orders.pem",
                                With(options, GetPublicKey));
  AddSubject(verb, options->name, "The key, or one version of it");
  AddFile(verb, "--out", options->out, "Where it goes [standard output]");
  AddChoice(verb, "--format", options->format, kPublicKeyFormats, "Its form [pem]");
  verb.add_flag("--certificate", options->certificate,
                "Its certificates instead, in PEM, the key's own first");
}

void AddCsr(Verbs& verbs, CLI::App& keys) {
  const auto options = std::make_shared<CsrOptions>();
  CLI::App& verb = verbs.Remote(
      keys, "csr", "Writes a certificate signing request (PKCS #10) for a key.",
      "keysvc keys csr tenants/acme/keys/bank --common-name acme.example --organization Acme",
      With(options, CreateCertificateSigningRequest));
  verb.add_option_function<std::string>(
          "name", [options](const std::string& name) { options->request.set_name(name); },
          "The key, or its version that is primary or next")
      ->option_text("NAME")
      ->required();
  v1::CertificateSubject& subject = *options->request.mutable_subject();
  const auto add = [&verb, options](const char* name, const char* help, std::string* target) {
    return verb.add_option(name, *target, help)->option_text("TEXT");
  };
  add("--common-name", "Whom it is for", subject.mutable_common_name())->required();
  add("--organization", "The organization [none]", subject.mutable_organization());
  add("--organizational-unit", "Its unit [none]", subject.mutable_organizational_unit());
  add("--locality", "The town [none]", subject.mutable_locality());
  add("--state", "The state or province [none]", subject.mutable_state());
  add("--country", "Two letters [none]", subject.mutable_country());
  verb.add_option_function<std::string>(
          "--dns-name", [&subject](const std::string& name) { subject.add_dns_names(name); },
          "A name of a host; may be repeated [none]")
      ->option_text("HOST")
      ->trigger_on_parse();
  AddFile(verb, "--out", options->out, "Where it goes [standard output]");
  AddChoice(verb, "--format", options->der, kKeyFormats, "Its form [pem]");
  AddRequestId(verb, *options->request.mutable_request_id());
}

void AddJwks(Verbs& verbs, CLI::App& keys) {
  const auto options = std::make_shared<JwksOptions>();
  CLI::App& verb = verbs.Remote(keys, "jwks", "Writes the JWK set of a key, for its verifiers.",
                                "keysvc keys jwks tenants/acme/keys/statements --out jwks.json",
                                With(options, GetJwks));
  AddSubject(verb, options->name, "The key");
  AddFile(verb, "--out", options->out, "Where it goes [standard output]");
}

}  // namespace

void AddKeyVerbs(Verbs& verbs) {
  CLI::App& keys = verbs.Group("keys", "Makes, shows and rotates keys.");
  AddCreate(verbs, keys);
  AddCreateVersion(verbs, keys);
  AddRotate(verbs, keys);
  AddAttachCertificate(verbs, keys);
  AddDeliver(verbs, keys);
  AddImport(verbs, keys);
  AddGetAndList(verbs, keys);
  AddPublicKey(verbs, keys);
  AddCsr(verbs, keys);
  AddJwks(verbs, keys);
}

}  // namespace keysvc::cli
