#include "bench/sync_ceiling.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>

namespace keysvc::bench {

absl::StatusOr<double> MeasureSyncs(const std::string& folder, absl::Duration time) {
  const std::string path = folder + "/syncs";
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return absl::UnavailableError("the folder cannot be written to");
  const std::array<char, 4096> page{};
  std::uint64_t synced = 0;
  bool whole = true;
  const auto began = std::chrono::steady_clock::now();
  const auto end = began + absl::ToChronoNanoseconds(time);
  while (whole && std::chrono::steady_clock::now() < end) {
    whole = write(file, page.data(), page.size()) == static_cast<ssize_t>(page.size()) &&
            fdatasync(file) == 0;
    ++synced;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  close(file);
  unlink(path.c_str());
  if (!whole) return absl::UnavailableError("the disk cannot be written to");
  return static_cast<double>(synced) / took.count();
}

}  // namespace keysvc::bench
