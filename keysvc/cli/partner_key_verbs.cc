#include <memory>
#include <string>

#include "keysvc/cli/choices.h"
#include "keysvc/cli/partner_key_commands.h"
#include "keysvc/cli/verbs.h"

namespace keysvc::cli {
namespace {

void AddCreate(Verbs& verbs, CLI::App& group) {
  const auto options = std::make_shared<CreatePartnerKeyOptions>();
  CLI::App& verb = verbs.Remote(
      group, "create",
      "Registers a public key, from a PEM file with PUBLIC KEY or CERTIFICATE. Compare "
      "spki_sha256\nwith the partner's by another way than the file came.",
      "keysvc partner-keys create tenants/acme/partnerKeys/bank --purpose jws --in bank.pem "
      "--not-after 2027-06-30",
      With(options, CreatePartnerKey));
  AddSubject(verb, options->name, "The new partner key");
  AddChoice(verb, "--purpose", options->purpose, kPartnerPurposes,
            "What it signs, or that secrets are delivered to it [sign]");
  AddChoice(verb, "--algorithm", options->algorithm, kAlgorithms,
            "What it signs with [what the key is; RSA with SHA-256, for http with SHA-512]");
  AddFile(verb, "--in", options->in, "The key [standard input]");
  verb.add_option("--kid", options->kid, "What the partner calls it [anything]")
      ->option_text("TEXT");
  verb.add_option("--not-before", options->not_before,
                  "From when it verifies: a day of UTC, from its start, or a time [now]")
      ->option_text("TIME");
  verb.add_option("--not-after", options->not_after,
                  "Until when it verifies: a day of UTC, to its end, or a time; required without a "
                  "certificate [the certificate's]")
      ->option_text("TIME");
  AddRequestId(verb, options->request_id);
}

void AddDisable(Verbs& verbs, CLI::App& group) {
  const auto options = std::make_shared<DisablePartnerKeyOptions>();
  CLI::App& verb = verbs.Remote(group, "disable",
                                "Ends a partner key for ever: nothing verifies by it any more.",
                                "keysvc partner-keys disable tenants/acme/partnerKeys/bank",
                                With(options, DisablePartnerKey));
  AddSubject(verb, options->name, "The partner key");
  AddRequestId(verb, options->request_id);
}

}  // namespace

void AddPartnerKeyVerbs(Verbs& verbs) {
  CLI::App& group =
      verbs.Group("partner-keys", "Registers, shows and ends public keys that partners sign with.");
  AddCreate(verbs, group);
  const auto key = std::make_shared<std::string>();
  AddSubject(verbs.Remote(group, "get", "Shows a partner key.",
                          "keysvc partner-keys get tenants/acme/partnerKeys/bank",
                          With(key, GetPartnerKey)),
             *key, "The partner key");
  const auto tenant = std::make_shared<std::string>();
  AddSubject(verbs.Remote(group, "list", "Shows the partner keys of a tenant.",
                          "keysvc partner-keys list tenants/acme", With(tenant, ListPartnerKeys)),
             *tenant, "The tenant, tenants/{tenant}");
  AddDisable(verbs, group);
}

}  // namespace keysvc::cli
