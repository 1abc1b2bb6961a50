#include "bench/child_process.h"

#include <signal.h>

#include "gmock/gmock.h"
#include "tests/support/temporary_directory.h"

namespace keysvc::bench {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryDirectory;

TEST(ChildProcess, IsWaitedForUntilItSaysWhatIsAwaited) {
  const TemporaryDirectory folder;
  const auto child = ChildProcess::Start(
      {"/bin/sh", "-c", "echo starting; echo 'serving on here:1'; exec sleep 60"},
      folder.File("log"));
  ASSERT_TRUE(child.ok());
  const auto address = (*child)->AwaitLine("serving on ", absl::Seconds(30));
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_EQ(*address, "here:1");
}

TEST(ChildProcess, EndsWithItsObject) {
  const TemporaryDirectory folder;
  pid_t id = 0;
  {
    const auto child = ChildProcess::Start({"/bin/sleep", "60"}, folder.File("log"));
    ASSERT_TRUE(child.ok());
    id = (*child)->id();
    EXPECT_EQ(kill(id, 0), 0);
  }
  EXPECT_NE(kill(id, 0), 0);
}

TEST(ChildProcess, ThatEndsTooSoonIsReportedWithItsLastWords) {
  const TemporaryDirectory folder;
  const auto child =
      ChildProcess::Start({"/bin/sh", "-c", "echo the port is taken; exit 3"}, folder.File("log"));
  ASSERT_TRUE(child.ok());
  const auto address = (*child)->AwaitLine("serving on ", absl::Seconds(30));
  EXPECT_THAT(std::string(address.status().message()), HasSubstr("the port is taken"));
  EXPECT_FALSE((*child)->Wait().ok());
}

TEST(ChildProcess, ThatCannotBeStartedFails) {
  const TemporaryDirectory folder;
  const auto child = ChildProcess::Start({"/nowhere/program"}, folder.File("log"));
  ASSERT_TRUE(child.ok());
  EXPECT_FALSE((*child)->Wait().ok());
}

}  // namespace
}  // namespace keysvc::bench
