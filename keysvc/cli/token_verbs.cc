#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "keysvc/cli/choices.h"
#include "keysvc/cli/domain_options.h"
#include "keysvc/cli/import_command.h"
#include "keysvc/cli/listing_command.h"
#include "keysvc/cli/metadata_options.h"
#include "keysvc/cli/retention_command.h"
#include "keysvc/cli/token_commands.h"
#include "keysvc/cli/update_command.h"
#include "keysvc/cli/verbs.h"

namespace keysvc::cli {
namespace {

void AddTokens(CLI::App& verb, std::vector<std::string>& names) {
  verb.add_option("names", names, "The tokens")->option_text("NAME...")->required();
}

void AddProfileOfTokens(CLI::App& verb, std::string& target) {
  verb.add_option("--profile", target,
                  "The profile of tokens that do not tell it, which are digits")
      ->option_text("NAME");
}

void AddCards(CLI::App& verb, std::string& file) {
  AddFile(verb, "--file", file, "The cards [standard input]");
}

void AddTokenize(Verbs& verbs, CLI::App& tokens) {
  const auto options = std::make_shared<TokenizeOptions>();
  CLI::App& verb = verbs.Remote(
      tokens, "tokenize",
      "Replaces cards by tokens. Reads one card per line, PAN[,YYYY-MM[,NAME]], never from the\n"
      "command line, which others can see.",
      "keysvc tokens tokenize --profile tenants/acme/tokenProfiles/cards --file cards.csv",
      With(options, Tokenize));
  AddName(verb, "--profile", options->profile, "The token profile");
  AddCards(verb, options->file);
  AddDomain(verb, "--", options->domain);
  AddMetadata(verb, "--metadata", *options->metadata.mutable_values(),
              "What is kept with the tokens, where the profile declares it");
  AddRequestId(verb, options->request_id);
}

void AddLookUp(Verbs& verbs, CLI::App& tokens) {
  const auto options = std::make_shared<LookUpOptions>();
  CLI::App& verb = verbs.Remote(
      tokens, "look-up",
      "Finds the tokens that cards have already, and makes none. Reads cards as tokenize does,\n"
      "their numbers alone.",
      "keysvc tokens look-up --profile tenants/acme/tokenProfiles/cards --file stolen.csv",
      With(options, LookUpTokens));
  AddName(verb, "--profile", options->profile, "The token profile");
  AddCards(verb, options->file);
}

void AddFingerprint(Verbs& verbs, CLI::App& tokens) {
  const auto options = std::make_shared<FingerprintOptions>();
  CLI::App& verb =
      verbs.Remote(tokens, "fingerprint",
                   "Makes fingerprints of cards, by which equal ones are found and from which "
                   "nothing leads back.\nReads cards as tokenize does, their numbers alone.",
                   "keysvc tokens fingerprint --tenant tenants/acme --file cards.csv",
                   With(options, FingerprintCards));
  AddName(verb, "--tenant", options->tenant, "Whose key makes them");
  AddCards(verb, options->file);
  verb.add_option("--key-version", options->key_version,
                  "An older version of the key, to compare with what it made [the primary one]")
      ->option_text("NUMBER");
}

void AddDetokenize(Verbs& verbs, CLI::App& tokens) {
  const auto options = std::make_shared<DetokenizeOptions>();
  CLI::App& verb = verbs.Remote(
      tokens, "detokenize",
      "Shows the cards behind tokens, masked unless --reveal; the policy decides how much.",
      "keysvc tokens detokenize tenants/acme/tokens/tok_... --purpose settlement",
      With(options, Detokenize));
  AddTokens(verb, options->names);
  verb.add_option("--purpose", options->purpose, "What for, as the policy calls it")
      ->option_text("PURPOSE");
  AddProfileOfTokens(verb, options->profile);
  AddUse(verb, options->use);
  AddRiskScore(verb, options->risk_score);
  verb.add_flag("--reveal", options->reveal, "Show the whole card number");
}

void AddGet(Verbs& verbs, CLI::App& tokens) {
  const auto options = std::make_shared<GetTokenOptions>();
  CLI::App& verb =
      verbs.Remote(tokens, "get", "Describes a token without its card.",
                   "keysvc tokens get tenants/acme/tokens/tok_...", With(options, GetToken));
  AddSubject(verb, options->name, "The token");
  AddProfileOfTokens(verb, options->profile);
}

void AddList(Verbs& verbs, CLI::App& tokens) {
  const auto options = std::make_shared<ListingOptions>();
  CLI::App& verb = verbs.Remote(
      tokens, "list", "Lists the tokens of a profile, without anything of their cards.",
      "keysvc tokens list tenants/acme/tokenProfiles/receipts --where store=berlin",
      With(options, ListTokens));
  AddSubject(verb, options->profile, "The token profile");
  AddMetadata(verb, "--where", options->filter, "Metadata that they have, all of it [any]");
  AddChoice(verb, "--state", options->state, kTokenStates, "The state that they are in [any]");
}

// A verb that changes tokens or makes new ones of them, once for each request id.
CLI::App& AddChange(
    Verbs& verbs, CLI::App& tokens, const char* name, const char* what,
    ExitCode (*command)(const Connection&, const TokensOptions&, Output&), const char* more = "",
    const std::shared_ptr<TokensOptions>& options = std::make_shared<TokensOptions>()) {
  CLI::App& verb =
      verbs.Remote(tokens, name, what,
                   absl::StrCat("keysvc tokens ", name, " tenants/acme/tokens/tok_...", more),
                   With(options, command));
  AddTokens(verb, options->names);
  AddProfileOfTokens(verb, options->profile);
  AddRequestId(verb, options->request_id);
  return verb;
}

void AddConvert(Verbs& verbs, CLI::App& tokens) {
  const auto options = std::make_shared<TokensOptions>();
  CLI::App& verb = AddChange(verbs, tokens, "convert",
                             "Makes tokens of another profile for the cards of tokens.",
                             ConvertTokens, " --target tenants/beta/tokenProfiles/cards", options);
  AddName(verb, "--target", options->target, "The profile that they are to be of");
  AddUse(verb, options->use);
  AddDomain(verb, "--target-", options->domain);
  AddMetadata(verb, "--target-metadata", *options->metadata.mutable_values(),
              "What is kept with the new tokens, where their profile declares it");
}

void AddUpdate(Verbs& verbs, CLI::App& tokens) {
  const auto options = std::make_shared<UpdateOptions>();
  CLI::App& verb =
      verbs.Remote(tokens, "update",
                   "Puts the cards that were issued in place of others behind the same tokens. "
                   "Reads cards as\ntokenize does, one for each token, in order.",
                   "keysvc tokens update tenants/acme/tokens/tok_... --file reissued.csv",
                   With(options, UpdateTokenCards));
  AddTokens(verb, options->names);
  AddProfileOfTokens(verb, options->profile);
  AddCards(verb, options->file);
  AddRequestId(verb, options->request_id);
}

void AddImport(Verbs& verbs, CLI::App& tokens) {
  const auto options = std::make_shared<ImportOptions>();
  CLI::App& verb = verbs.Remote(
      tokens, "import",
      "Takes over cards that were kept elsewhere, and with --tokens the tokens that they had.\n"
      "Reads cards as tokenize does. What became of each line is in the file of results, by\n"
      "which the same command goes on where it was broken off.",
      "keysvc tokens import --profile tenants/acme/tokenProfiles/former-vault --tokens --file "
      "export.csv --results results.csv",
      With(options, ImportTokens));
  AddName(verb, "--profile", options->profile, "The token profile");
  AddCards(verb, options->file);
  verb.add_flag("--tokens", options->tokens, "Each line is TOKEN,PAN[,YYYY-MM[,NAME]]");
  verb.add_option("--results", options->results,
                  "Where what became of each line is written, LINE,TOKEN,REASON")
      ->option_text("FILE")
      ->required();
  AddDomain(verb, "--", options->domain);
  AddMetadata(verb, "--metadata", *options->metadata.mutable_values(),
              "What every token is to have with it");
}

void AddRetention(Verbs& verbs, CLI::App& tokens) {
  const auto tenant = std::make_shared<std::string>();
  CLI::App& verb = verbs.Remote(
      tokens, "retention",
      "Says how many cards are kept and until when, profile by profile. Exits with 1 when cards\n"
      "should have been erased that were not.",
      "keysvc tokens retention tenants/acme", With(tenant, ReportRetention));
  AddSubject(verb, *tenant, "The tenant, tenants/{tenant}");
}

}  // namespace

void AddTokenVerbs(Verbs& verbs) {
  CLI::App& tokens =
      verbs.Group("tokens", "Replaces cards by tokens, gives them back, and ends tokens.");
  AddTokenize(verbs, tokens);
  AddLookUp(verbs, tokens);
  AddFingerprint(verbs, tokens);
  AddDetokenize(verbs, tokens);
  AddGet(verbs, tokens);
  AddList(verbs, tokens);
  AddConvert(verbs, tokens);
  AddUpdate(verbs, tokens);
  AddImport(verbs, tokens);
  AddChange(verbs, tokens, "suspend", "Keeps tokens from being opened until they are resumed.",
            SuspendTokens);
  AddChange(verbs, tokens, "resume", "Lets suspended tokens be opened again.", ResumeTokens);
  AddChange(verbs, tokens, "delete", "Ends tokens for ever and erases their cards.", DeleteTokens);
  AddRetention(verbs, tokens);
}

}  // namespace keysvc::cli
