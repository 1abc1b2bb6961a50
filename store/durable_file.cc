#include "store/durable_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::store {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int value() const { return value_; }

 private:
  int value_;
};

absl::Status WriteAll(int descriptor, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = write(descriptor, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return Error(Reason::kStoreUnavailable, "a file cannot be written");
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status Sync(int descriptor) {
  if (descriptor >= 0 && fsync(descriptor) == 0) return absl::OkStatus();
  return Error(Reason::kStoreUnavailable, "a file cannot be synced");
}

absl::Status SyncFolderOf(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  const Descriptor descriptor(
      open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return Sync(descriptor.value());
}

}  // namespace

absl::Status ReplaceFile(const std::string& path, std::string_view content) {
  const std::string beside = path + ".new";
  // What a kill left behind may have another owner's mode.
  unlink(beside.c_str());
  {
    const Descriptor file(
        open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (file.value() < 0) return Error(Reason::kStoreUnavailable, "a file cannot be made");
    RETURN_IF_ERROR(WriteAll(file.value(), content));
    RETURN_IF_ERROR(Sync(file.value()));
  }
  return RenameDurably(beside, path);
}

absl::Status RenameDurably(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) != 0) {
    return Error(Reason::kStoreUnavailable, "a file cannot be renamed");
  }
  RETURN_IF_ERROR(SyncFolderOf(to));
  const bool same_folder =
      std::filesystem::path(from).parent_path() == std::filesystem::path(to).parent_path();
  return same_folder ? absl::OkStatus() : SyncFolderOf(from);
}

absl::StatusOr<std::string> ReadWholeFile(const std::string& path, std::size_t limit) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.value() < 0) {
    if (errno == ENOENT) return Error(Reason::kNotInitialized, "a file is missing");
    return Error(Reason::kStoreUnavailable, "a file cannot be opened");
  }
  std::string content;
  std::array<char, 4096> buffer;
  while (true) {
    const ssize_t got = read(file.value(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error(Reason::kStoreUnavailable, "a file cannot be read");
    if (got == 0) return content;
    content.append(buffer.data(), static_cast<std::size_t>(got));
    if (content.size() > limit) return Error(Reason::kIntegrityFailure, "a file is too long");
  }
}

}  // namespace keysvc::store
