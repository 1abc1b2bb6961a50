#include "crypto/secret_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <span>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::crypto {
namespace {

absl::Status Unwritable(const std::string& path) {
  return Error(Reason::kStoreUnavailable, "cannot write " + path);
}

bool WriteAll(int file, ByteView rest) {
  while (!rest.empty()) {
    const ssize_t written = write(file, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    rest = rest.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

bool SyncFolderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == path.npos ? "." : path.substr(0, slash + 1);
  const int directory = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return false;
  const bool synced = fsync(directory) == 0;
  return close(directory) == 0 && synced;
}

}  // namespace

absl::StatusOr<SecretBytes> ReadSecretFile(const std::string& path, std::size_t limit) {
  const auto refused = [&path](const char* what) {
    return Error(Reason::kFieldInvalid, path + what);
  };
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return refused(" cannot be read");
  const absl::Cleanup closing = [file] { close(file); };
  ASSIGN_OR_RETURN(SecretBytes content, SecretBytes::Create(limit));
  const std::span<std::uint8_t> out = content.ExposeMutable(SecretAccess::kGranted);
  std::size_t size = 0;
  while (size < out.size()) {
    const ssize_t got = read(file, out.data() + size, out.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return refused(" cannot be read");
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size == 0) return refused(" is empty");
  if (size == limit) return refused(" is too long");
  content.Truncate(size);
  return content;
}

absl::Status WriteSecretFile(const std::string& path, const SecretBytes& content) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0 && errno == EEXIST) {
    return Error(Reason::kKeyExists, path + " is there already and stays as it is");
  }
  if (file < 0) return Unwritable(path);
  bool written = WriteAll(file, content.Expose(SecretAccess::kGranted)) && fsync(file) == 0;
  written = close(file) == 0 && written && SyncFolderOf(path);
  if (written) return absl::OkStatus();
  unlink(path.c_str());
  return Unwritable(path);
}

}  // namespace keysvc::crypto
