#include "tests/unit/store/store_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "gtest/gtest.h"

namespace keysvc::testing {

StoreProcess::StoreProcess(const std::string& path) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    ADD_FAILURE() << "no pipe";
    return;
  }
  output_ = ends[0];
  std::string program = KEYSVC_STORE_WRITER;
  std::string argument = path;
  std::array<char*, 3> arguments = {program.data(), argument.data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  EXPECT_EQ(posix_spawn(&process_, program.c_str(), &actions, nullptr, arguments.data(), environ),
            0);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
}

StoreProcess::~StoreProcess() {
  Kill();
  if (output_ >= 0) close(output_);
}

std::optional<std::int64_t> StoreProcess::NextAcknowledged() {
  // A write of 8 bytes to a pipe is never cut.
  std::int64_t handle = 0;
  if (read(output_, &handle, sizeof handle) != sizeof handle) return std::nullopt;
  return handle;
}

void StoreProcess::Kill() {
  if (process_ <= 0) return;
  kill(process_, SIGKILL);
  waitpid(std::exchange(process_, -1), nullptr, 0);
}

int StoreProcess::ExitCode() {
  int status = 0;
  EXPECT_GT(waitpid(std::exchange(process_, -1), &status, 0), 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace keysvc::testing
