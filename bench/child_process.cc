#include "bench/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "status/abseil.h"

namespace keysvc::bench {
namespace {

constexpr absl::Duration kBetweenLooks = absl::Milliseconds(5);
constexpr int kCannotStart = 127;

}  // namespace

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(
    std::vector<std::string> arguments, std::string log) {
  // All that allocates comes before the fork.
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const int output = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (output < 0) return absl::UnavailableError(absl::StrCat("cannot write to ", log));
  const off_t start = lseek(output, 0, SEEK_END);
  const pid_t parent = getpid();
  const pid_t id = fork();
  if (id == 0) {
    // The parent may have gone before the system was asked to watch it.
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent &&
        dup2(output, STDOUT_FILENO) >= 0 && dup2(output, STDERR_FILENO) >= 0) {
      execvp(argv[0], argv.data());
    }
    _exit(kCannotStart);
  }
  close(output);
  if (id < 0) return absl::UnavailableError("no process can be made");
  return std::unique_ptr<ChildProcess>(new ChildProcess(id, std::move(log), start));
}

ChildProcess::~ChildProcess() { Stop().IgnoreError(); }

absl::StatusOr<std::string> ChildProcess::AwaitLine(std::string_view start,
                                                    absl::Duration patience) {
  const absl::Time deadline = absl::Now() + patience;
  while (true) {
    const bool ended = Ended();
    const std::string output = Output();
    for (std::string_view rest = output; !rest.empty();) {
      const std::size_t end = rest.find('\n');
      if (end == std::string_view::npos) break;
      const std::string_view line = rest.substr(0, end);
      if (line.starts_with(start)) return std::string(line.substr(start.size()));
      rest.remove_prefix(end + 1);
    }
    if (ended) return Failure("ended");
    if (absl::Now() >= deadline) return Failure("takes too long to start");
    absl::SleepFor(kBetweenLooks);
  }
}

absl::Status ChildProcess::Wait() {
  while (!ended_) {
    if (waitpid(id_, &exit_status_, 0) == id_) ended_ = true;
  }
  return exit_status_ == 0 ? absl::OkStatus() : Failure("failed");
}

absl::Status ChildProcess::Stop() {
  if (!Ended()) kill(id_, SIGTERM);
  return Wait();
}

bool ChildProcess::Ended() {
  if (!ended_) ended_ = waitpid(id_, &exit_status_, WNOHANG) == id_;
  return ended_;
}

std::string ChildProcess::Output() const {
  std::ifstream in(log_, std::ios::binary);
  in.seekg(log_start_);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

absl::Status ChildProcess::Failure(std::string_view what) const {
  std::string output = Output();
  while (output.ends_with('\n')) output.pop_back();
  const std::string last = output.substr(output.rfind('\n') + 1);
  return absl::UnavailableError(
      absl::StrCat("a program that was started ", ToAbsl(what), ": ", last, " (", log_, ")"));
}

}  // namespace keysvc::bench
