#include "audit/checkpoint_directory.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>
#include <utility>

#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::audit {
namespace {

constexpr std::string_view kPrefix = "checkpoint-";
constexpr std::string_view kTemporary = "new-checkpoint";
constexpr std::size_t kDigits = 20;  // of the largest 64-bit number: names sort as sizes do
constexpr std::size_t kKept = 1000;

absl::Status Unavailable(std::string_view message) {
  return Error(Reason::kStoreUnavailable, message);
}

std::string NameFor(std::uint64_t size) {
  const std::string digits = std::to_string(size);
  return std::string(kPrefix) + std::string(kDigits - digits.size(), '0') + digits;
}

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags)
      : fd_(open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  bool Write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t count = write(fd_, bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }
  bool Sync() const { return fsync(fd_) == 0; }

 private:
  int fd_;
};

}  // namespace

absl::StatusOr<CheckpointDirectory> CheckpointDirectory::Open(std::string path) {
  CheckpointDirectory directory(std::move(path));
  std::error_code error;
  std::filesystem::directory_iterator entry(directory.path_, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    std::uint64_t size = 0;
    std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), size);
    if (name != NameFor(size)) {
      return Error(Reason::kIntegrityFailure, "a file among the checkpoints has no proper name");
    }
    directory.files_[size] = name;
  }
  if (error) return Unavailable("the checkpoint directory cannot be read");
  return directory;
}

absl::StatusOr<std::optional<CheckpointDirectory::Newest>> CheckpointDirectory::FindNewest(
    const std::string& verifier_key) const {
  if (files_.empty()) return std::nullopt;
  const auto& [size, name] = *files_.rbegin();
  std::ifstream file(path_ + "/" + name, std::ios::binary);
  std::string note{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file) return Unavailable("the newest checkpoint cannot be read");
  ASSIGN_OR_RETURN(Checkpoint checkpoint, OpenCheckpoint(note, verifier_key));
  if (checkpoint.size != size) {
    return Error(Reason::kIntegrityFailure, "the newest checkpoint is not what its name says");
  }
  return Newest{std::move(checkpoint), std::move(note)};
}

absl::Status CheckpointDirectory::Keep(std::uint64_t size, const std::string& note) {
  const std::string temporary = path_ + "/" + std::string(kTemporary);
  const std::string name = NameFor(size);
  {
    const Descriptor file(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
    if (!file.Write(note) || !file.Sync()) return Unavailable("a checkpoint cannot be written");
  }
  const std::string path = path_ + "/" + name;
  if (std::rename(temporary.c_str(), path.c_str()) != 0 ||
      !Descriptor(path_, O_RDONLY | O_DIRECTORY).Sync()) {
    return Unavailable("a checkpoint cannot be put in its place");
  }
  files_[size] = name;
  while (files_.size() > kKept) {
    std::error_code ignored;
    std::filesystem::remove(path_ + "/" + files_.begin()->second, ignored);
    files_.erase(files_.begin());
  }
  return absl::OkStatus();
}

}  // namespace keysvc::audit
