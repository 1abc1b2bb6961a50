// Runs the program as people do, for everything that needs no service.
#include <sys/wait.h>

#include <cstdio>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/temporary_directory.h"

namespace keysvc::cli {
namespace {

using ::keysvc::testing::TemporaryDirectory;
using ::keysvc::testing::WriteFile;

struct Result {
  int code;
  // Both streams together.
  std::string text;
  bool Says(const std::string& words) const { return text.find(words) != std::string::npos; }
};

Result Keysvc(const std::string& arguments, const std::string& before = "") {
  const std::string command =
      before + " " KEYSVC_BINARY_DIR "/bin/keysvc " + arguments + " 2>&1 </dev/null";
  Result result{-1, ""};
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return result;
  char buffer[4096];
  for (std::size_t got; (got = fread(buffer, 1, sizeof(buffer), pipe)) > 0;) {
    result.text.append(buffer, got);
  }
  const int status = pclose(pipe);
  if (WIFEXITED(status)) result.code = WEXITSTATUS(status);
  return result;
}

const std::vector<std::string> kVerbs = {"tokens tokenize",
                                         "tokens detokenize",
                                         "tokens look-up",
                                         "tokens fingerprint",
                                         "tokens get",
                                         "tokens convert",
                                         "tokens list",
                                         "tokens update",
                                         "tokens suspend",
                                         "tokens resume",
                                         "tokens delete",
                                         "tokens retention",
                                         "sign",
                                         "verify",
                                         "jws sign",
                                         "jws verify",
                                         "http sign",
                                         "http verify",
                                         "webhook sign",
                                         "webhook verify",
                                         "cose sign",
                                         "cose verify",
                                         "keys create",
                                         "keys list",
                                         "keys get",
                                         "keys create-version",
                                         "keys rotate",
                                         "keys deliver",
                                         "keys import",
                                         "keys public-key",
                                         "keys csr",
                                         "keys jwks",
                                         "partner-keys create",
                                         "partner-keys list",
                                         "partner-keys get",
                                         "partner-keys disable",
                                         "lock",
                                         "audit export",
                                         "audit verify",
                                         "audit checkpoint",
                                         "policy check",
                                         "policy explain",
                                         "policy test",
                                         "recovery init",
                                         "recovery show",
                                         "recovery restore",
                                         "health",
                                         "version"};

TEST(ProgramTest, EveryVerbExplainsItselfWithAnExample) {
  for (const std::string& verb : kVerbs) {
    const Result result = Keysvc(verb + " --help");
    EXPECT_EQ(result.code, 0) << verb;
    EXPECT_TRUE(result.Says("Example:\n  keysvc " + verb)) << result.text;
    EXPECT_TRUE(result.Says("Exit codes: 0 ")) << verb;
  }
}

TEST(ProgramTest, ACommandLineThatCannotBeUnderstoodEndsWith2) {
  for (const char* wrong :
       {"", "bogus", "tokens", "tokens tokenize", "tokens detokenize", "version extra",
        "sign --in file", "keys create x --algorithm des", "keys create x --days 0",
        "--output xml version", "--timeout never health", "--timeout 0 health"}) {
    const Result result = Keysvc(wrong);
    EXPECT_EQ(result.code, 2) << wrong << "\n" << result.text;
    EXPECT_TRUE(result.Says("error: ")) << wrong;
  }
}

TEST(ProgramTest, ACardNumberAsAnArgumentIsNeitherTakenNorRepeated) {
  const Result result =
      Keysvc("tokens tokenize 4111111111111111 --profile tenants/a/tokenProfiles/b");
  EXPECT_EQ(result.code, 2);
  EXPECT_FALSE(result.Says("4111")) << result.text;
}

TEST(ProgramTest, WithoutCredentialsItSaysWhatIsNeeded) {
  const Result result = Keysvc("health");
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(result.text, "error: CONFIG_INVALID: --ca is needed to connect\n");
}

TEST(ProgramTest, OptionsComeFromAProfileFileToo) {
  const TemporaryDirectory directory;
  const std::string profile = directory.File("client.ini");
  WriteFile(profile, "ca=\"/nowhere/ca.pem\"\noutput=json\n");
  EXPECT_EQ(Keysvc("--profile-file " + profile + " health").text,
            "error: UNAVAILABLE: cannot read /nowhere/ca.pem\n");
  EXPECT_EQ(Keysvc("version", "KEYSVC_CLIENT=" + profile).text.substr(0, 12), "{\"version\":\"");
  EXPECT_EQ(Keysvc("--profile-file /nowhere version").code, 3);
  WriteFile(profile, "bogus=1\n");
  EXPECT_EQ(Keysvc("--profile-file " + profile + " version").code, 2);
}

TEST(ProgramTest, AFaultInAPolicyIsShownWithItsPlace) {
  const TemporaryDirectory directory;
  const std::string file = directory.File("policy.yaml");
  WriteFile(file, "principals: []\nbogus: 1\n");
  const Result result = Keysvc("policy check " + file);
  EXPECT_EQ(result.code, 1);
  EXPECT_TRUE(result.Says("error: POLICY_INVALID: " + file + ":")) << result.text;
  EXPECT_TRUE(result.Says(":2:1: ")) << result.text;
  EXPECT_EQ(Keysvc("policy check /nowhere").code, 3);
}

TEST(ProgramTest, TheExamplePolicyIsSoundAndExplained) {
  const std::string file = KEYSVC_SOURCE_DIR "/deploy/policy.example.yaml";
  EXPECT_EQ(Keysvc("policy check " + file).code, 0);
  const std::string explain = "--output json policy explain --policy " + file;
  const std::string resource = " --resource tenants/acme/tokenProfiles/cards";
  const Result allowed = Keysvc(explain + " --principal checkout --action Tokenize" + resource);
  EXPECT_EQ(allowed.code, 0) << allowed.text;
  EXPECT_TRUE(allowed.Says("{\"decision\":\"allowed\",\"rule\":\"")) << allowed.text;
  const Result denied = Keysvc(explain + " --principal checkout --action ExportAudit" + resource);
  EXPECT_EQ(denied.code, 1) << denied.text;
  EXPECT_EQ(denied.text, "{\"decision\":\"denied\",\"rule\":\"none matches\"}\n");
  EXPECT_EQ(Keysvc(explain + " --principal nobody --action Tokenize" + resource).code, 2);
  EXPECT_EQ(Keysvc(explain + " --principal checkout --action Destroy" + resource).code, 2);
}

TEST(ProgramTest, APolicyIsExplainedForATimeAndAnAddress) {
  const TemporaryDirectory directory;
  const std::string file = directory.File("policy.yaml");
  WriteFile(file, R"(version: 1
principals:
  - {name: pay, identity: spiffe://dev.example/pay, kind: service, roles: [data]}
rules:
  - id: by-day
    roles: [data]
    actions: [Detokenize]
    resources: [tenants/acme/tokenProfiles/cards]
    hours: [{days: [mon], from: "08:00", to: "18:00"}]
    addresses: [192.0.2.0/24]
    limits: {reveals: [{count: 9, window: 90m}], distinct_cards: {count: 4, window: 24h}}
)");
  const std::string explain = "--output json policy explain --policy " + file +
                              " --principal pay --action Detokenize"
                              " --resource tenants/acme/tokenProfiles/cards";
  EXPECT_EQ(
      Keysvc(explain + " --at 2026-01-05T10:00:00Z --address 192.0.2.7").text,
      "{\"decision\":\"allowed\",\"rule\":\"by-day\",\"reveal\":\"last4\",\"limits\":\"50 misses "
      "in 1h or 1 %, 9 reveals in 1h30m, 4 cards in 24h\"}\n");
  for (const char* elsewhere : {" --at 2026-01-05T19:00:00Z --address 192.0.2.7",
                                " --at 2026-01-05T10:00:00Z --address 198.51.100.1"}) {
    const Result denied = Keysvc(explain + elsewhere);
    EXPECT_EQ(denied.code, 1);
    EXPECT_EQ(
        denied.text,
        "{\"decision\":\"denied\",\"rule\":\"none matches\",\"but_for\":\"the hours or addresses "
        "of by-day\"}\n");
  }
  EXPECT_EQ(Keysvc(explain + " --at monday").code, 2);
}

TEST(ProgramTest, APolicyIsExplainedForARiskScore) {
  const TemporaryDirectory directory;
  const std::string file = directory.File("policy.yaml");
  WriteFile(file, R"(version: 1
principals:
  - {name: pay, identity: spiffe://dev.example/pay, kind: service, roles: [data]}
rules:
  - id: by-risk
    roles: [data]
    actions: [Detokenize]
    resources: [tenants/acme/tokenProfiles/cards]
    reveal: full
    risk: {masked_from: 40, denied_from: 80}
  - id: any-risk
    roles: [data]
    actions: [Detokenize]
    resources: [tenants/acme/tokenProfiles/*]
    reveal: full
)");
  const std::string explain = "--output json policy explain --policy " + file +
                              " --principal pay --action Detokenize --resource tenants/acme/";
  const std::string cards = explain + "tokenProfiles/cards";
  const std::string limits = ",\"limits\":\"50 misses in 1h or 1 %\"}\n";
  EXPECT_EQ(Keysvc(cards + " --risk-score 39").text,
            R"({"decision":"allowed","rule":"by-risk","reveal":"full",)"
            R"("risk":"39: masked from 40, denied from 80")" +
                limits);
  EXPECT_EQ(Keysvc(cards + " --risk-score 40").text,
            R"({"decision":"allowed","rule":"by-risk","reveal":"masked",)"
            R"("risk":"40: masked from 40, denied from 80")" +
                limits);
  const Result denied = Keysvc(cards + " --risk-score 80");
  EXPECT_EQ(denied.code, 1);
  EXPECT_EQ(denied.text,
            R"({"decision":"denied","rule":"by-risk","risk":"80: masked from 40, denied from 80"})"
            "\n");
  const Result unstated = Keysvc(cards);
  EXPECT_EQ(unstated.code, 1);
  EXPECT_EQ(unstated.text, R"({"decision":"denied","rule":"by-risk",)"
                           R"("risk":"none stated, so 100: masked from 40, denied from 80"})"
                           "\n");
  EXPECT_EQ(Keysvc(explain + "tokenProfiles/others --risk-score 100").text,
            R"({"decision":"allowed","rule":"any-risk","reveal":"full")" + limits);
  EXPECT_EQ(Keysvc(explain + "tokens").code, 0);
  EXPECT_EQ(Keysvc(cards + " --risk-score 101").code, 2);
  EXPECT_EQ(Keysvc(cards + " --risk-score high").code, 2);
}

TEST(ProgramTest, APolicyIsHeldAgainstItsCases) {
  const std::string policy = KEYSVC_SOURCE_DIR "/deploy/policy.example.yaml";
  const std::string cases = KEYSVC_SOURCE_DIR "/deploy/policy.example.cases.yaml";
  const std::string test = "--output json policy test --policy " + policy + " --cases ";
  const Result held = Keysvc(test + cases);
  EXPECT_EQ(held.code, 0) << held.text;
  EXPECT_TRUE(held.Says("\"failed\":0")) << held.text;

  const TemporaryDirectory directory;
  const std::string file = directory.File("cases.yaml");
  WriteFile(file, R"(version: 1
cases:
  - {principal: checkout, action: Tokenize, resource: tenants/acme/tokenProfiles/cards, denied: true}
  - {principal: checkout, action: Sign, resource: tenants/acme/keys/a, denied: true}
)");
  const Result failed = Keysvc(test + file);
  EXPECT_EQ(failed.code, 1);
  EXPECT_TRUE(failed.Says(file + ":3:5: allowed by checkout-tokenizes\n")) << failed.text;
  EXPECT_TRUE(failed.Says("{\"cases\":2,\"failed\":1}")) << failed.text;
  WriteFile(file, "cases: []\n");
  EXPECT_EQ(Keysvc(test + file).code, 1);
}

TEST(ProgramTest, AnExportThatProvesNothingIsRefused) {
  const TemporaryDirectory directory;
  const std::string file = directory.File("garbage");
  WriteFile(file, "garbage\n");
  const Result garbage = Keysvc("audit verify --export " + file + " --verifier-key " + file);
  EXPECT_EQ(garbage.code, 1);
  EXPECT_TRUE(garbage.Says("error: INTEGRITY_FAILURE: ")) << garbage.text;
  EXPECT_FALSE(garbage.Says("garbage\n")) << "input in an error";
  EXPECT_EQ(Keysvc("audit verify --export /nowhere --verifier-key " + file).code, 3);
  EXPECT_EQ(Keysvc("audit verify --export / --verifier-key " + file).code, 3);
  EXPECT_EQ(Keysvc("audit verify --export " + file + " --verifier-key /nowhere").code, 3);
}

TEST(ProgramTest, VariablesThatWouldLogSecretsStopIt) {
  EXPECT_EQ(Keysvc("version", "SSLKEYLOGFILE=/dev/null").code, 2);
}

}  // namespace
}  // namespace keysvc::cli
