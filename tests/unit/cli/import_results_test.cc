#include "keysvc/cli/import_results.h"

#include <filesystem>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace keysvc::cli {
namespace {

using ::keysvc::testing::HasReason;
using ::keysvc::testing::TemporaryDirectory;

constexpr char kProfile[] = "tenants/acme/tokenProfiles/former-vault";
constexpr std::int64_t kRows = 3;

class ImportResultsTest : public ::testing::Test {
 protected:
  auto Open(std::string_view profile = kProfile, std::string_view form = "tokens") const {
    return ImportResults::Open(path_, profile, form, kRows);
  }
  std::string Content() const { return keysvc::testing::ReadFile(path_); }

  const TemporaryDirectory directory_;
  const std::string path_ = directory_.File("results.csv");
};

std::vector<ImportedLine> Call(std::int64_t from, std::int64_t count) {
  std::vector<ImportedLine> lines;
  for (std::int64_t line = from; line < from + count; ++line) {
    lines.push_back({line, line % 2 == 0 ? "" : "tok_" + std::to_string(line),
                     line % 2 == 0 ? "PAN_INVALID" : ""});
  }
  return lines;
}

TEST_F(ImportResultsTest, AreOneLineForEachCard) {
  const auto results = Open();
  ASSERT_OK(results);
  ASSERT_OK((*results)->Append({{1, "tok_a", ""}, {3, "", "TOKEN_TAKEN"}}));
  EXPECT_EQ(Content(), "# keysvc import " + (*results)->id() + " " + kProfile +
                           " tokens\n1,tok_a,\n3,,TOKEN_TAKEN\n");
  EXPECT_EQ((*results)->imported(), 1);
  EXPECT_EQ((*results)->refused(), 1);
  EXPECT_EQ((*results)->last_line(), 3);
  EXPECT_EQ(std::filesystem::status(path_).permissions(), std::filesystem::perms{0600});
}

TEST_F(ImportResultsTest, GoOnBehindTheLastCallThatIsWhole) {
  std::string id;
  {
    const auto results = Open();
    ASSERT_OK(results);
    id = (*results)->id();
    ASSERT_OK((*results)->Append(Call(1, kRows)));
    ASSERT_OK((*results)->Append(Call(4, kRows)));
    ASSERT_OK((*results)->Append(Call(7, 2)));
  }
  const std::string before = Content();
  for (const std::string& torn : {std::string(), std::string("9,tok"), std::string("9,tok_9,")}) {
    keysvc::testing::WriteFile(path_, before + torn);
    const auto results = Open();
    ASSERT_OK(results);
    EXPECT_EQ((*results)->id(), id);
    EXPECT_EQ((*results)->rows(), 6);
    EXPECT_EQ((*results)->refused(), 3);
    EXPECT_EQ((*results)->last_line(), 6);
    // Until there is something better in its place, nothing is cut off.
    EXPECT_EQ(Content(), before + torn);
    ASSERT_OK((*results)->Append(Call(7, 1)));
    EXPECT_TRUE(Content().ends_with("\n6,,PAN_INVALID\n7,tok_7,\n"));
  }
}

TEST_F(ImportResultsTest, HaveAllLinesOnceTheImportHasEnded) {
  {
    const auto results = Open();
    ASSERT_OK(results);
    ASSERT_OK((*results)->Append(Call(1, kRows)));
    ASSERT_OK((*results)->Append(Call(4, 1)));
    EXPECT_FALSE((*results)->done());
    ASSERT_OK((*results)->Finish());
  }
  EXPECT_TRUE(Content().ends_with("\n4,,PAN_INVALID\n# done\n"));
  const auto results = Open();
  ASSERT_OK(results);
  EXPECT_TRUE((*results)->done());
  EXPECT_EQ((*results)->rows(), 4);
}

TEST_F(ImportResultsTest, BeginAgainWhereTheHeadingWasCutOff) {
  for (const std::string& torn :
       {std::string("# keys"), std::string("# keysvc import 26818785-547b-4b28-b0fa-5"),
        std::string("# keysvc import 26818785-547b-4b28-b0fa-531377e99f4e tenants/acme")}) {
    keysvc::testing::WriteFile(path_, torn);
    const auto results = Open();
    ASSERT_OK(results);
    EXPECT_EQ(Content(), "# keysvc import " + (*results)->id() + " " + kProfile + " tokens\n");
  }
}

TEST_F(ImportResultsTest, OfAnotherProfileOrOfNothingAreLeftAlone) {
  ASSERT_OK(Open());
  const std::string sound = Content();
  EXPECT_THAT(Open("tenants/acme/tokenProfiles/cards").status(), HasReason(Reason::kFieldInvalid));
  EXPECT_THAT(Open(kProfile, "cards").status(), HasReason(Reason::kFieldInvalid));
  EXPECT_EQ(Content(), sound);
  for (const std::string& content :
       {std::string("4111111111111111\n"), std::string("4111"), std::string("# keysvc import\n"),
        std::string("# keysvc import x ") + kProfile + " tokens\n", sound + "# done\n1,tok_a,\n",
        sound + "1;tok_a;\n", sound + "x,tok_a,\n", sound + "1,tok_a,PAN_INVALID\n",
        sound + "1,,\n"}) {
    keysvc::testing::WriteFile(path_, content);
    EXPECT_THAT(Open().status(), HasReason(Reason::kFieldInvalid)) << content;
    EXPECT_EQ(Content(), content);
  }
}

TEST_F(ImportResultsTest, AreAFileAndNoDevice) {
  EXPECT_THAT(ImportResults::Open("/dev/full", kProfile, "cards", kRows).status(),
              HasReason(Reason::kFieldInvalid));
}

TEST_F(ImportResultsTest, HaveOneWriterAtATime) {
  const auto results = Open();
  ASSERT_OK(results);
  EXPECT_THAT(Open().status(), HasReason(Reason::kFieldInvalid));
}

TEST_F(ImportResultsTest, ThatCannotBeWrittenAreNotBegun) {
  EXPECT_EQ(ImportResults::Open(directory_.File("none/results.csv"), kProfile, "cards", kRows)
                .status()
                .code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace keysvc::cli
