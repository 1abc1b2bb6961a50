#include "keysvc/cli/command_line.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keysvc/cli/audit_commands.h"
#include "keysvc/cli/choices.h"
#include "keysvc/cli/connection.h"
#include "keysvc/cli/exit_code.h"
#include "keysvc/cli/health_command.h"
#include "keysvc/cli/jws_commands.h"
#include "keysvc/cli/key_commands.h"
#include "keysvc/cli/output.h"
#include "keysvc/cli/partner_key_commands.h"
#include "keysvc/cli/partner_key_options.h"
#include "keysvc/cli/policy_commands.h"
#include "keysvc/cli/recovery_commands.h"
#include "keysvc/cli/signing_commands.h"
#include "keysvc/cli/token_commands.h"

namespace keysvc::cli {
namespace {

constexpr char kExitCodes[] =
    "Exit codes: 0 done; 1 the answer is no (refused, denied, wrong signature, changed export);\n"
    "2 the command line is wrong; 3 no answer (service away, file not readable).\n";

constexpr std::int64_t kLongestAge = std::int64_t{100} * 366 * 24 * 60 * 60;

class CommandLine {
 public:
  CommandLine()
      : app_("Tokenizes cards and signs with keys of an HSM, through keysvcd.", "keysvc") {
    app_.require_subcommand(1);
    app_.fallthrough();
    app_.footer(kExitCodes);
    // The library's own handling of the variable comes too late for a configuration file.
    const char* variable = std::getenv("KEYSVC_CLIENT");
    const std::string named = variable != nullptr ? variable : "";
    app_.set_config("--profile-file", named,
                    "Read these options from an INI file (or let KEYSVC_CLIENT name it)",
                    !named.empty())
        ->option_text("FILE");
    app_.allow_config_extras(CLI::config_extras_mode::error);
    app_.add_option("--server", endpoint_.server, "Where the service is")
        ->option_text("HOST:PORT [127.0.0.1:7443]");
    AddFile(app_, "--ca", endpoint_.ca_file, "The authority of the service's certificate");
    AddFile(app_, "--certificate", endpoint_.certificate_file, "The client's certificate");
    AddFile(app_, "--key,--private-key", endpoint_.key_file,
            "The private key of the client's certificate");
    app_.add_option("--server-name", endpoint_.server_name,
                    "The name in the service's certificate, when it is not the host's")
        ->option_text("NAME");
    app_.add_option("--timeout", timeout_, "How long a call may take [10; an export 600]")
        ->option_text("SECONDS")
        ->check(CLI::Range(0.001, 86400.0));
    AddChoice(app_, "--output", format_, kFormats, "For people or for programs [table]");
    AddTokens();
    AddSigning();
    AddJws();
    AddKeys();
    AddPartnerKeys();
    AddAudit();
    AddPolicy();
    AddRecovery();
    Remote(app_, "lock",
           "Makes the service drop every key it holds open; the HSM opens them again.",
           "keysvc lock", LockKeys);
    Remote(app_, "health", "Asks whether the service is ready.", "keysvc health", CheckHealth);
    Local(app_, "version", "Shows the version of this program.", "keysvc version",
          [](Output& output) {
            output.Show({{"version", KEYSVC_VERSION}});
            return ExitCode::kOk;
          });
  }

  int Run(int argc, char** argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ExtrasError&) {
      // Without saying which: it may be a card number.
      return Misused("an argument is not expected here");
    } catch (const CLI::ParseError& error) {
      if (error.get_exit_code() == 0) return app_.exit(error);
      if (error.get_name() != "FileError") return Misused(error.what());
      return static_cast<int>(Report(absl::UnavailableError("cannot read the profile file")));
    }
    return static_cast<int>(chosen_());
  }

 private:
  using RemoteVerb = std::function<ExitCode(const Connection&, Output&)>;
  using LocalVerb = std::function<ExitCode(Output&)>;

  static int Misused(std::string_view what) {
    std::cerr << "error: " << what << "\n(--help shows what is possible)" << std::endl;
    return static_cast<int>(ExitCode::kUsage);
  }

  static CLI::App& Group(CLI::App& parent, const char* name, const char* what) {
    CLI::App& group = *parent.add_subcommand(name, what);
    group.require_subcommand(1);
    return group;
  }

  // A verb that needs no service.
  CLI::App& Local(CLI::App& parent, const char* name, const char* what, const std::string& example,
                  LocalVerb verb) {
    CLI::App& command = *parent.add_subcommand(name, what);
    command.footer("Example:\n  " + example + "\n\n" + kExitCodes);
    command.final_callback([this, verb = std::move(verb)] {
      chosen_ = [this, &verb] {
        Output output(format_);
        return verb(output);
      };
    });
    return command;
  }

  // A verb of the service.
  CLI::App& Remote(CLI::App& parent, const char* name, const char* what, const std::string& example,
                   RemoteVerb verb) {
    return Local(parent, name, what, example, [this, verb = std::move(verb)](Output& output) {
      if (timeout_ > 0) endpoint_.timeout = absl::Seconds(timeout_);
      const absl::StatusOr<Connection> connection = Connection::Open(endpoint_);
      return connection.ok() ? verb(*connection, output) : Report(connection.status());
    });
  }

  static CLI::Option* AddFile(CLI::App& verb, const char* name, std::string& target,
                              const char* help) {
    return verb.add_option(name, target, help)->option_text("FILE");
  }

  static void AddName(CLI::App& verb, const char* name, std::string& target, const char* help) {
    verb.add_option(name, target, help)->option_text("NAME")->required();
  }

  static void AddRequestId(CLI::App& verb, std::string& target) {
    verb.add_option("--request-id", target, "The same id gives the same answer again [a new one]")
        ->option_text("UUID");
  }

  void AddTokens() {
    CLI::App& tokens =
        Group(app_, "tokens", "Replaces cards by tokens, gives them back, and ends tokens.");
    CLI::App& tokenize = Remote(
        tokens, "tokenize",
        "Replaces cards by tokens. Reads one card per line, PAN[,YYYY-MM[,NAME]], never from the\n"
        "command line, which others can see.",
        "keysvc tokens tokenize --profile tenants/acme/tokenProfiles/cards --file cards.csv",
        [this](const Connection& connection, Output& output) {
          return Tokenize(connection, tokenize_, output);
        });
    AddName(tokenize, "--profile", tokenize_.profile, "The token profile");
    AddFile(tokenize, "--file", tokenize_.file, "The cards [standard input]");
    AddRequestId(tokenize, tokenize_.request_id);

    CLI::App& look_up = Remote(
        tokens, "look-up",
        "Finds the tokens that cards have already, and makes none. Reads cards as tokenize does,\n"
        "their numbers alone.",
        "keysvc tokens look-up --profile tenants/acme/tokenProfiles/cards --file stolen.csv",
        [this](const Connection& connection, Output& output) {
          return LookUpTokens(connection, look_up_, output);
        });
    AddName(look_up, "--profile", look_up_.profile, "The token profile");
    AddFile(look_up, "--file", look_up_.file, "The cards [standard input]");

    CLI::App& fingerprint =
        Remote(tokens, "fingerprint",
               "Makes fingerprints of cards, by which equal ones are found and from which nothing "
               "leads back.\nReads cards as tokenize does, their numbers alone.",
               "keysvc tokens fingerprint --tenant tenants/acme --file cards.csv",
               [this](const Connection& connection, Output& output) {
                 return FingerprintCards(connection, fingerprint_, output);
               });
    AddName(fingerprint, "--tenant", fingerprint_.tenant, "Whose key makes them");
    AddFile(fingerprint, "--file", fingerprint_.file, "The cards [standard input]");
    fingerprint
        .add_option("--key-version", fingerprint_.key_version,
                    "An older version of the key, to compare with what it made [the primary one]")
        ->option_text("NUMBER");

    CLI::App& detokenize = Remote(
        tokens, "detokenize",
        "Shows the cards behind tokens, masked unless --reveal; the policy decides how much.",
        "keysvc tokens detokenize tenants/acme/tokens/tok_... --purpose settlement",
        [this](const Connection& connection, Output& output) {
          return Detokenize(connection, detokenize_, output);
        });
    detokenize.add_option("names", detokenize_.names, "The tokens")
        ->option_text("NAME...")
        ->required();
    detokenize.add_option("--purpose", detokenize_.purpose, "What for, as the policy calls it")
        ->option_text("PURPOSE");
    AddProfileOfTokens(detokenize, detokenize_.profile);
    detokenize.add_flag("--reveal", detokenize_.reveal, "Show the whole card number");

    CLI::App& get = Remote(tokens, "get", "Describes a token without its card.",
                           "keysvc tokens get tenants/acme/tokens/tok_...",
                           [this](const Connection& connection, Output& output) {
                             return GetToken(connection, name_, profile_, output);
                           });
    Named(get, "The token");
    AddProfileOfTokens(get, profile_);

    AddName(AddOnce(tokens, "convert", "Makes tokens of another profile for the cards of tokens.",
                    ConvertTokens, " --target tenants/beta/tokenProfiles/cards"),
            "--target", tokens_.target, "The profile that they are to be of");
    AddOnce(tokens, "suspend", "Keeps tokens from being opened until they are resumed.",
            SuspendTokens);
    AddOnce(tokens, "resume", "Lets suspended tokens be opened again.", ResumeTokens);
    AddOnce(tokens, "delete", "Ends tokens for ever and erases their cards.", DeleteTokens);
  }

  static void AddProfileOfTokens(CLI::App& verb, std::string& target) {
    verb.add_option("--profile", target,
                    "The profile of tokens that do not tell it, which are digits")
        ->option_text("NAME");
  }

  CLI::App& AddOnce(CLI::App& tokens, const char* name, const char* what,
                    ExitCode (*verb)(const Connection&, const TokensOptions&, Output&),
                    const char* more = "") {
    CLI::App& command =
        Remote(tokens, name, what,
               absl::StrCat("keysvc tokens ", name, " tenants/acme/tokens/tok_...", more),
               [this, verb](const Connection& connection, Output& output) {
                 return verb(connection, tokens_, output);
               });
    command.add_option("names", tokens_.names, "The tokens")->option_text("NAME...")->required();
    AddProfileOfTokens(command, tokens_.profile);
    AddRequestId(command, tokens_.request_id);
    return command;
  }

  void AddSigning() {
    CLI::App& sign = Remote(app_, "sign", "Signs a file of at most 64 KiB.",
                            "keysvc sign --key tenants/acme/keys/orders --in order.json "
                            "--out order.sig",
                            [this](const Connection& connection, Output& output) {
                              return Sign(connection, sign_, output);
                            });
    AddSignOptions(sign);
    AddFile(sign, "--out", sign_.signature_file, "Where the bare signature goes [shown in base64]");
    AddRequestId(sign, sign_.request_id);

    CLI::App& verify = Remote(app_, "verify", "Checks the signature of a file.",
                              "keysvc verify --key tenants/acme/keys/orders --in order.json "
                              "--signature order.sig",
                              [this](const Connection& connection, Output& output) {
                                return Verify(connection, sign_, output);
                              });
    AddSignOptions(verify);
    AddFile(verify, "--signature", sign_.signature_file, "The bare signature")->required();
  }

  void AddJws() {
    CLI::App& group = Group(app_, "jws", "Signs and checks JSON Web Signatures.");
    CLI::App& sign =
        Remote(group, "sign", "Signs a payload of at most 64 KiB.",
               "keysvc jws sign --key tenants/acme/keys/statements --in payload.json "
               "--out payload.jws",
               [this](const Connection& connection, Output&) { return SignJws(connection, jws_); });
    AddSigningKey(sign, jws_.key);
    AddFile(sign, "--in", jws_.in, "The payload [standard input]");
    AddFile(sign, "--out", jws_.out, "Where the JWS goes [standard output]");
    sign.add_option("--type", jws_.type, "The header's typ [none]")->option_text("TYPE");
    sign.add_flag("--detached", jws_.detached, "Leaves the payload out of the JWS");
    sign.add_flag("--unencoded", jws_.unencoded,
                  "Signs the payload as it is (RFC 7797); with --detached");
    sign.add_flag("--without-issue-time", jws_.without_issue_time, "Leaves iat out of the header");
    AddRequestId(sign, jws_.request_id);

    CLI::App& verify =
        Remote(group, "verify", "Checks a JWS by one of the service's keys or a partner's.",
               "keysvc jws verify --key tenants/acme/keys/statements "
               "--jws payload.jws",
               [this](const Connection& connection, Output& output) {
                 return VerifyJws(connection, jws_, output);
               });
    AddSigningKey(verify, jws_.key);
    AddFile(verify, "--jws", jws_.jws_file, "The JWS")->required();
    verify
        .add_option_function<std::string>(
            "--payload",
            [this](const std::string& file) {
              jws_.in = file;
              jws_.detached = true;
            },
            "The payload of a detached JWS")
        ->option_text("FILE");
    verify.add_option("--max-age", jws_.max_age_seconds, "How old it may be [any age]")
        ->option_text("SECONDS")
        ->check(CLI::Range(std::int64_t{1}, kLongestAge));
  }

  // Hides the global --key here; before the verb, in a profile file or as --private-key it works.
  void AddSigningKey(CLI::App& verb, std::string& key) {
    verb.add_option("--key", key, "The key, or one version of it; to verify also a partner's")
        ->option_text("NAME")
        ->required();
  }

  void AddSignOptions(CLI::App& verb) {
    AddSigningKey(verb, sign_.key);
    AddFile(verb, "--in", sign_.in, "The file [standard input]");
    AddChoice(verb, "--encoding", sign_.encoding, kEncodings, "The form of ECDSA signatures [der]");
    AddChoice(verb, "--padding", sign_.padding, kPaddings, "The padding of RSA signatures [pss]");
  }

  void AddKeys() {
    CLI::App& keys = Group(app_, "keys", "Makes, shows and rotates keys.");
    CLI::App& create = Remote(keys, "create", "Makes a key inside the HSM.",
                              "keysvc keys create tenants/acme/keys/orders --algorithm ec-p256 "
                              "--days 365",
                              [this](const Connection& connection, Output& output) {
                                create_key_.name = name_;
                                return CreateKey(connection, create_key_, output);
                              });
    Named(create, "The new key");
    AddChoice(create, "--algorithm", create_key_.algorithm, kAlgorithms,
              "What it signs with [ec-p256]");
    AddChoice(create, "--purpose", create_key_.purpose, kPurposes,
              "What it signs: bare messages, JWS, HTTP messages, webhooks or COSE "
              "[sign; mac for hmac-... and aes-256-cmac]");
    create
        .add_option("--days", create_key_.cryptoperiod_days,
                    "For how long it makes new signatures [365]")
        ->option_text("1-1095")
        ->check(CLI::Range(1, 1095));
    AddRequestId(create, create_key_.request_id);

    CLI::App& create_version = Remote(
        keys, "create-version",
        "Makes the next version of a key that signs, and publishes it; rotate makes it sign.",
        "keysvc keys create-version tenants/acme/keys/statements",
        [this](const Connection& connection, Output& output) {
          change_key_.name = name_;
          return CreateKeyVersion(connection, change_key_, output);
        });
    Named(create_version, "The key");
    AddRequestId(create_version, change_key_.request_id);

    CLI::App& rotate =
        Remote(keys, "rotate", "Makes the next version sign from now on; old ones still verify.",
               "keysvc keys rotate tenants/acme/keys/orders",
               [this](const Connection& connection, Output& output) {
                 change_key_.name = name_;
                 return RotateKey(connection, change_key_, output);
               });
    Named(rotate, "The key");
    rotate.add_flag("--at-once", change_key_.at_once,
                    "Also to a version that is published for less than five minutes");
    AddRequestId(rotate, change_key_.request_id);

    Named(Remote(keys, "get", "Shows the versions of a key.",
                 "keysvc keys get tenants/acme/keys/orders",
                 [this](const Connection& connection, Output& output) {
                   return GetKey(connection, name_, output);
                 }),
          "The key");
    Named(Remote(keys, "list", "Shows the keys of a tenant.", "keysvc keys list tenants/acme",
                 [this](const Connection& connection, Output& output) {
                   return ListKeys(connection, name_, output);
                 }),
          "The tenant, tenants/{tenant}");

    CLI::App& public_key =
        Remote(keys, "public-key", "Writes the public half of a key.",
               "keysvc keys public-key tenants/acme/keys/orders --out orders.pem",
               [this](const Connection& connection, Output& output) {
                 public_key_.name = name_;
                 return GetPublicKey(connection, public_key_, output);
               });
    Named(public_key, "The key, or one version of it");
    AddFile(public_key, "--out", public_key_.out, "Where it goes [standard output]");
    AddChoice(public_key, "--format", public_key_.der, kKeyFormats, "Its form [pem]");
    AddJwks(keys);
  }

  void AddJwks(CLI::App& keys) {
    CLI::App& jwks = Remote(keys, "jwks", "Writes the JWK set of a key, for its verifiers.",
                            "keysvc keys jwks tenants/acme/keys/statements --out jwks.json",
                            [this](const Connection& connection, Output&) {
                              return GetJwks(connection, name_, public_key_.out);
                            });
    Named(jwks, "The key");
    AddFile(jwks, "--out", public_key_.out, "Where it goes [standard output]");
  }

  void AddPartnerKeys() {
    CLI::App& group = Group(app_, "partner-keys",
                            "Registers, shows and ends public keys that partners sign with.");
    CLI::App& create = Remote(
        group, "create",
        "Registers a public key, from a PEM file with PUBLIC KEY or CERTIFICATE. Compare "
        "spki_sha256\n"
        "with the partner's by another way than the file came.",
        "keysvc partner-keys create tenants/acme/partnerKeys/bank --purpose jws --in bank.pem "
        "--not-after 2027-06-30",
        [this](const Connection& connection, Output& output) {
          create_partner_key_.name = name_;
          return CreatePartnerKey(connection, create_partner_key_, output);
        });
    Named(create, "The new partner key");
    AddOptions(create, create_partner_key_);
    AddRequestId(create, create_partner_key_.request_id);

    Named(Remote(group, "get", "Shows a partner key.",
                 "keysvc partner-keys get tenants/acme/partnerKeys/bank",
                 [this](const Connection& connection, Output& output) {
                   return GetPartnerKey(connection, name_, output);
                 }),
          "The partner key");
    Named(Remote(group, "list", "Shows the partner keys of a tenant.",
                 "keysvc partner-keys list tenants/acme",
                 [this](const Connection& connection, Output& output) {
                   return ListPartnerKeys(connection, name_, output);
                 }),
          "The tenant, tenants/{tenant}");
    CLI::App& disable =
        Remote(group, "disable", "Ends a partner key for ever: nothing verifies by it any more.",
               "keysvc partner-keys disable tenants/acme/partnerKeys/bank",
               [this](const Connection& connection, Output& output) {
                 return DisablePartnerKey(connection, name_, change_key_.request_id, output);
               });
    Named(disable, "The partner key");
    AddRequestId(disable, change_key_.request_id);
  }

  void AddAudit() {
    CLI::App& audit = Group(app_, "audit", "Exports the access log and proves it untouched.");
    CLI::App& log = Remote(audit, "export", "Writes the access log as JSON Lines.",
                           "keysvc audit export --out log.jsonl --verifier-key-out log.vkey",
                           [this](const Connection& connection, Output& output) {
                             return ExportAudit(connection, export_, output);
                           });
    AddFile(log, "--out", export_.out, "Where it goes")->required();
    log.add_option("--from", export_.from, "The first record [0]")->option_text("INDEX");
    AddFile(log, "--verifier-key-out", export_.verifier_key_out,
            "Where the key goes that verifies it (better: one that you kept)");

    CLI::App& verify =
        Local(audit, "verify", "Checks an export, offline. Exits with 1 when anything was changed.",
              "keysvc audit verify --export log.jsonl --verifier-key log.vkey "
              "--checkpoint kept.note",
              [this](Output& output) { return VerifyAudit(verify_, output); });
    AddFile(verify, "--export", verify_.export_file, "The export")->required();
    AddFile(verify, "--verifier-key", verify_.verifier_key_file, "The key that verifies the log")
        ->required();
    AddFile(verify, "--checkpoint", verify_.checkpoint_file,
            "A checkpoint that was kept elsewhere, which the export must continue");
    AddFile(verify, "--checkpoint-key", verify_.checkpoint_key_file,
            "The key that verifies that checkpoint, when it is from before a restoration "
            "[the log's]");

    CLI::App& checkpoint = Remote(audit, "checkpoint", "Fetches the newest checkpoint of the log.",
                                  "keysvc audit checkpoint --out kept.note",
                                  [this](const Connection& connection, Output&) {
                                    return GetCheckpoint(connection, checkpoint_);
                                  });
    AddFile(checkpoint, "--out", checkpoint_.out, "Where it goes [standard output]");
    AddFile(checkpoint, "--verifier-key-out", checkpoint_.verifier_key_out,
            "Where the key goes that verifies it");
  }

  void AddPolicy() {
    CLI::App& policy = Group(app_, "policy", "Checks and explains policy files, offline.");
    CLI::App& check = Local(policy, "check", "Reads a policy file; says where it is wrong.",
                            "keysvc policy check policy.yaml",
                            [this](Output& output) { return CheckPolicy(name_, output); });
    AddFile(check, "file", name_, "The policy")->required();

    CLI::App& explain =
        Local(policy, "explain", "Says which rule decides. Exits with 1 when it is denied.",
              "keysvc policy explain --policy policy.yaml --principal checkout --action Tokenize "
              "--resource tenants/acme/tokenProfiles/cards",
              [this](Output& output) { return ExplainPolicy(explain_, output); });
    const auto option = [&](const char* name, std::string& target, const char* help) {
      return explain.add_option(name, target, help)->option_text("TEXT");
    };
    option("--policy", explain_.policy_file, "The policy file")->required();
    option("--principal", explain_.principal, "Who, by name or certificate identity")->required();
    option("--action", explain_.action, "What, such as Detokenize")->required();
    option("--resource", explain_.resource, "On what, a resource name")->required();
    option("--purpose", explain_.purpose, "What for");
    option("--at", explain_.at, "When, such as 2026-01-05T10:00:00Z; now if not given");
    option("--address", explain_.address, "The caller's address");

    CLI::App& test = Local(
        policy, "test", "Runs a file of cases. Exits with 1 when the policy decides any otherwise.",
        "keysvc policy test --policy policy.yaml --cases policy.cases.yaml",
        [this](Output& output) { return TestPolicy(explain_.policy_file, name_, output); });
    AddFile(test, "--policy", explain_.policy_file, "The policy file")->required();
    AddFile(test, "--cases", name_, "The cases")->required();
  }

  void AddRecovery() {
    CLI::App& recovery =
        Group(app_, "recovery", "Makes and checks the shares that survive the HSM, offline.");
    CLI::App& init =
        Local(recovery, "init",
              "Makes a recovery key and shares it among custodians. Do it on a machine "
              "without a network.",
              "keysvc recovery init --deployment shop --environment production "
              "--threshold 3 --shares 5 --out ceremony",
              [this](Output& output) { return InitRecovery(init_, output); });
    init.add_option("--deployment", init_.deployment,
                    "The deployment's name, as in its "
                    "configuration")
        ->option_text("NAME")
        ->required();
    init.add_option("--environment", init_.environment, "Its environment")
        ->option_text("development|test|production")
        ->required();
    const auto count = [&init](const char* name, std::uint8_t& target, const char* help) {
      init.add_option(name, target, help)
          ->option_text("2-16")
          ->check(CLI::Range(2, 16))
          ->required();
    };
    count("--threshold", init_.threshold, "How many shares are needed");
    count("--shares", init_.shares, "How many shares there are");
    init.add_option("--out", init_.out, "The folder for recovery.pem and the shares")
        ->option_text("FOLDER")
        ->required();

    CLI::App& show = Local(recovery, "show",
                           "Says what shares are of and whether these would do. Shows no secret.",
                           "keysvc recovery show share-1 share-4 share-5",
                           [this](Output& output) { return ShowRecovery(show_, output); });
    show.add_option("shares", show_.share_files, "The shares")->option_text("FILE...")->required();
    AddFile(show, "--certificate", show_.certificate_file,
            "The recovery certificate that they should be of");
    AddRestore(recovery);
  }

  void AddRestore(CLI::App& recovery) {
    CLI::App& restore = Local(
        recovery, "restore",
        "Rebuilds a deployment whose HSM is lost on the configured token. The service must be "
        "stopped.",
        "keysvc recovery restore --config config.yaml --verifier-key log.vkey --share share-1 "
        "--share share-4",
        [this](Output&) { return RestoreRecovery(restore_); });
    AddFile(restore, "--config", restore_.config_file, "The configuration of keysvcd")->required();
    restore.add_option("--share", restore_.share_files, "The custodians' shares")
        ->option_text("FILE...")
        ->required();
    AddFile(restore, "--verifier-key", restore_.verifier_key_file,
            "The key that verified the log's checkpoints until now")
        ->required();
    restore.add_flag("--accept-older-store", restore_.accept_older_store,
                     "Give up the records that the newest checkpoint outside has and the store "
                     "not");
  }

  void Named(CLI::App& verb, const char* help) {
    verb.add_option("name", name_, help)->option_text("NAME")->required();
  }

  CLI::App app_;
  Endpoint endpoint_;
  double timeout_ = 0;
  Format format_ = Format::kTable;
  std::string name_;
  std::string profile_;
  TokenizeOptions tokenize_;
  LookUpOptions look_up_;
  FingerprintOptions fingerprint_;
  DetokenizeOptions detokenize_;
  TokensOptions tokens_;
  SignOptions sign_;
  JwsOptions jws_;
  CreateKeyOptions create_key_;
  ChangeKeyOptions change_key_;
  PublicKeyOptions public_key_;
  CreatePartnerKeyOptions create_partner_key_;
  ExportOptions export_;
  VerifyOptions verify_;
  CheckpointOptions checkpoint_;
  ExplainOptions explain_;
  RecoveryInitOptions init_;
  RecoveryShowOptions show_;
  RecoveryRestoreOptions restore_;
  std::function<ExitCode()> chosen_;
};

}  // namespace

int RunCommandLine(int argc, char** argv) { return CommandLine().Run(argc, argv); }

}  // namespace keysvc::cli
