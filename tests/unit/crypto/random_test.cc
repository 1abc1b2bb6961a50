#include "crypto/random.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace keysvc::crypto {
namespace {

TEST(RandomTest, NoDrawIsEverRepeated) {
  std::set<std::string> seen;
  for (int i = 0; i < 2000; ++i) {
    const std::size_t size = 16 + static_cast<std::size_t>(i % 5) * 300;
    const std::string bytes = RandomBytes(size);
    ASSERT_EQ(bytes.size(), size);
    // Also not in part, from an overlap with the draw before.
    for (std::size_t at = 0; at + 8 <= size; at += 8) {
      ASSERT_TRUE(seen.insert(bytes.substr(at, 8)).second) << i;
    }
  }
}

TEST(RandomTest, ThreadsDrawDifferentBytes) {
  std::string first;
  std::string second;
  std::thread(([&] { first = RandomBytes(16); })).join();
  std::thread(([&] { second = RandomBytes(16); })).join();
  EXPECT_NE(first, second);
}

TEST(RandomTest, AChildProcessDoesNotRepeatItsParent) {
  RandomBytes(16);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    const std::string bytes = RandomBytes(16);
    _exit(write(ends[1], bytes.data(), 16) == 16 ? 0 : 1);
  }
  const std::string mine = RandomBytes(16);
  std::string theirs(16, '\0');
  ASSERT_EQ(read(ends[0], theirs.data(), 16), 16);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  EXPECT_NE(mine, theirs);
  close(ends[0]);
  close(ends[1]);
}

TEST(RandomTest, PrivateDrawsFillTheWholeSpan) {
  std::vector<std::uint8_t> bytes(256, 0);
  FillPrivateRandom(bytes);
  EXPECT_LT(std::count(bytes.begin(), bytes.end(), 0), 16);
  FillPrivateRandom({});
  FillRandom({});
}

}  // namespace
}  // namespace keysvc::crypto
