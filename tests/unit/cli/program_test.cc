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
                                         "tokens get",
                                         "tokens fingerprint",
                                         "sign",
                                         "verify",
                                         "keys create",
                                         "keys list",
                                         "keys get",
                                         "keys rotate",
                                         "keys public-key",
                                         "keys jwks",
                                         "jws sign",
                                         "jws verify",
                                         "audit export",
                                         "audit verify",
                                         "audit checkpoint",
                                         "policy check",
                                         "policy explain",
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
