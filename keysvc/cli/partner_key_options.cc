#include "keysvc/cli/partner_key_options.h"

#include "keysvc/cli/choices.h"

namespace keysvc::cli {

void AddOptions(CLI::App& verb, CreatePartnerKeyOptions& options) {
  AddChoice(verb, "--purpose", options.purpose, kPurposes, "What it signs [sign]");
  AddChoice(verb, "--algorithm", options.algorithm, kAlgorithms,
            "What it signs with [what the key is; RSA with SHA-256, for http with SHA-512]");
  verb.add_option("--in", options.in, "The key [standard input]")->option_text("FILE");
  verb.add_option("--kid", options.kid, "What the partner calls it [anything]")
      ->option_text("TEXT");
  verb.add_option("--not-before", options.not_before, "From when it verifies [now]")
      ->option_text("TIME");
  verb.add_option("--not-after", options.not_after,
                  "Until when it verifies; required without a certificate [the certificate's]")
      ->option_text("TIME");
}

}  // namespace keysvc::cli
