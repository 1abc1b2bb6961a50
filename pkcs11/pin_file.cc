#include "pkcs11/pin_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "crypto/bytes.h"
#include "crypto/digest.h"
#include "crypto/random.h"
#include "crypto/secret_access.h"
#include "pkcs11/descriptor.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::pkcs11 {
namespace {

constexpr std::size_t kLargestPin = 255;
constexpr char kMarkerVersion = 1;
constexpr std::size_t kSaltSize = 16;
constexpr std::size_t kMarkerSize = 1 + kSaltSize + sizeof(crypto::Sha256Digest);

absl::Status Unusable(std::string_view why) {
  return Error(Reason::kConfigInvalid, absl::StrCat("the PIN file ", ToAbsl(why)));
}

absl::Status CheckOwnerAndMode(int file) {
  struct stat info = {};
  if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) return Unusable("is not a file");
  if (info.st_uid != geteuid() && info.st_uid != 0) return Unusable("belongs to another user");
  // A systemd credential may be root's with an ACL that lets this user in, and then the mask of the
  // ACL shows in the place of the group's bits (systemd.exec(5), acl(5)).
  const bool has_acl = fgetxattr(file, "system.posix_acl_access", nullptr, 0) > 0;
  const mode_t others = S_IRWXO | (has_acl && info.st_uid == 0 ? S_IWGRP | S_IXGRP : S_IRWXG);
  if ((info.st_mode & others) != 0) return Unusable("may be read or written by others");
  return absl::OkStatus();
}

std::string Marker(std::string_view salt, std::string_view token, const crypto::SecretBytes& pin) {
  const crypto::Sha256Digest hash =
      crypto::Sha256({salt, crypto::AsText(crypto::Sha256(token)),
                      crypto::AsText(pin.Expose(crypto::SecretAccess::kGranted))});
  return absl::StrCat(absl::string_view(&kMarkerVersion, 1), ToAbsl(salt),
                      ToAbsl(crypto::AsText(hash)));
}

// A marker that cannot be understood may be that of this very PIN, so it is not taken for none.
absl::StatusOr<std::optional<std::string>> ReadMarker(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.open() && errno == ENOENT) return std::nullopt;
  std::string marker(kMarkerSize + 1, '\0');
  const ssize_t size = file.open() ? read(file.get(), marker.data(), marker.size()) : -1;
  if (size != static_cast<ssize_t>(kMarkerSize) || marker[0] != kMarkerVersion) {
    return Error(
        Reason::kPinRefused,
        "the marker file of a refused PIN is damaged; remove it once the PIN is known to be "
        "right");
  }
  marker.resize(kMarkerSize);
  return marker;
}

bool WriteMarker(const std::string& path, const std::string& marker) {
  const std::string temporary = path + ".new";
  const Descriptor file(
      open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR));
  const Descriptor folder(
      open(std::filesystem::path(path).parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return file.open() && folder.open() &&
         write(file.get(), marker.data(), marker.size()) == static_cast<ssize_t>(marker.size()) &&
         fsync(file.get()) == 0 && std::rename(temporary.c_str(), path.c_str()) == 0 &&
         fsync(folder.get()) == 0;
}

}  // namespace

absl::StatusOr<crypto::SecretBytes> PinFile::Read() const {
  const Descriptor file(open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.open()) return Unusable("cannot be opened");
  RETURN_IF_ERROR(CheckOwnerAndMode(file.get()));
  ASSIGN_OR_RETURN(crypto::SecretBytes pin, crypto::SecretBytes::Create(kLargestPin + 2));
  const auto bytes = pin.ExposeMutable(crypto::SecretAccess::kGranted);
  const ssize_t got = read(file.get(), bytes.data(), bytes.size());
  if (got < 0) return Unusable("cannot be read");
  std::size_t size = static_cast<std::size_t>(got);
  if (size > 0 && bytes[size - 1] == '\n') --size;
  if (size == 0) return Unusable("is empty");
  if (size > kLargestPin) return Unusable("is too long");
  pin.Truncate(size);
  return pin;
}

absl::Status PinFile::CheckNotRefused(const crypto::SecretBytes& pin,
                                      std::string_view token) const {
  ASSIGN_OR_RETURN(const std::optional<std::string> marker, Refused());
  if (!marker) return absl::OkStatus();
  const std::string_view salt = std::string_view(*marker).substr(1, kSaltSize);
  if (Marker(salt, token, pin) != *marker) return absl::OkStatus();
  return Error(Reason::kPinRefused,
               "the token has refused this PIN; put the right one into the PIN file, or remove the "
               "marker file if the PIN of the token was changed");
}

absl::Status PinFile::CheckRefusalOnRecord() const {
  ASSIGN_OR_RETURN(const std::optional<std::string> marker, Refused());
  if (marker) return absl::OkStatus();
  return Error(
      Reason::kPinRefused,
      "the token has refused a PIN since the last log-in and it is not on record which; log "
      "in by hand with the right one first");
}

absl::StatusOr<std::optional<std::string>> PinFile::Refused() const {
  if (unwritten_) return unwritten_;
  return ReadMarker(marker_path_);
}

absl::Status PinFile::MarkRefused(const crypto::SecretBytes& pin, std::string_view token) {
  const std::string marker = Marker(crypto::RandomBytes(kSaltSize), token, pin);
  if (!WriteMarker(marker_path_, marker)) {
    unwritten_ = marker;
    return Error(Reason::kPinRefused,
                 "the token refused the PIN, and the marker file cannot be written: a restart "
                 "would try it again");
  }
  return absl::OkStatus();
}

void PinFile::MarkAccepted() {
  unwritten_.reset();
  unlink(marker_path_.c_str());
}

}  // namespace keysvc::pkcs11
