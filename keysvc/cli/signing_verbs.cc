#include <memory>
#include <string>

#include "keysvc/cli/choices.h"
#include "keysvc/cli/signing_commands.h"
#include "keysvc/cli/verbs.h"
#include "keysvc/cli/webhook_commands.h"

namespace keysvc::cli {
namespace {

void AddFileToSign(CLI::App& verb, SignOptions& options) {
  AddSigningKey(verb, options.key);
  AddFile(verb, "--in", options.in, "The file [standard input]");
  verb.add_flag("--digest", options.digest,
                "The file is the hash of what is signed, in bytes; a right of its own");
  AddChoice(verb, "--encoding", options.encoding, kEncodings, "The form of ECDSA signatures [der]");
  AddChoice(verb, "--padding", options.padding, kPaddings, "The padding of RSA signatures [pss]");
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
  CLI::Option* lines = AddFile(
      sign, "--lines", to_sign->lines,
      "A file of which each line is signed by itself; with --digest they are of hexadecimal");
  lines->excludes("--in")->excludes("--out");
  AddRequestId(sign, to_sign->request_id);

  const auto to_verify = std::make_shared<SignOptions>();
  CLI::App& verify = verbs.Remote(
      verbs.app(), "verify", "Checks the signature of a file.",
      "keysvc verify --key tenants/acme/keys/orders --in order.json --signature order.sig",
      With(to_verify, Verify));
  AddFileToSign(verify, *to_verify);
  AddFile(verify, "--signature", to_verify->signature_file, "The bare signature")->required();
}

}  // namespace keysvc::cli
