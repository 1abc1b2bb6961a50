#include "bench/usage.h"

#include <time.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>
#include <system_error>

namespace keysvc::bench {
namespace {

constexpr double kMicrosecondsPerSecond = 1e6;

std::filesystem::path FolderOf(pid_t process) {
  return std::filesystem::path("/proc") / std::to_string(process);
}

// A thread's line in proc(5): id (name) state and then numbers, of which user and system time are
// the 11th and the 12th. The name may hold anything, also parentheses.
void AddThread(const std::filesystem::path& stat, std::map<std::string, double>& by_thread) {
  std::ifstream in(stat);
  const std::string line{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  const std::size_t begin = line.find('(');
  const std::size_t end = line.rfind(')');
  if (begin == std::string::npos || end == std::string::npos) return;
  std::istringstream rest(line.substr(end + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) rest >> skipped;
  double user = 0;
  double system = 0;
  rest >> user >> system;
  static const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  by_thread[line.substr(begin + 1, end - begin - 1)] +=
      (user + system) / ticks * kMicrosecondsPerSecond;
}

}  // namespace

ProcessorTime ProcessorTimeOf(pid_t process) {
  ProcessorTime used;
  clockid_t clock = 0;
  timespec time{};
  if (process == 0 || clock_getcpuclockid(process, &clock) != 0 ||
      clock_gettime(clock, &time) != 0) {
    return used;
  }
  used.total = static_cast<double>(time.tv_sec) * kMicrosecondsPerSecond +
               static_cast<double>(time.tv_nsec) / 1000;
  std::error_code error;
  for (const auto& thread :
       std::filesystem::directory_iterator(FolderOf(process) / "task", error)) {
    AddThread(thread.path() / "stat", used.by_thread);
  }
  return used;
}

ProcessorTime operator-(const ProcessorTime& later, const ProcessorTime& earlier) {
  ProcessorTime used;
  used.total = later.total - earlier.total;
  for (const auto& [name, time] : later.by_thread) {
    const auto before = earlier.by_thread.find(name);
    used.by_thread[name] = time - (before == earlier.by_thread.end() ? 0 : before->second);
  }
  return used;
}

Memory MemoryOf(pid_t process) {
  constexpr double kKibibytesPerMebibyte = 1024;
  Memory memory;
  std::ifstream in(FolderOf(process) / "status");
  for (std::string line; std::getline(in, line);) {
    const auto value = [&line](std::string_view name) {
      return line.starts_with(name)
                 ? std::strtod(line.c_str() + name.size(), nullptr) / kKibibytesPerMebibyte
                 : 0;
    };
    if (const double resident = value("VmRSS:"); resident > 0) memory.resident = resident;
    if (const double peak = value("VmHWM:"); peak > 0) memory.peak = peak;
  }
  return memory;
}

}  // namespace keysvc::bench
