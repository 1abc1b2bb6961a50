#ifndef KEYSVC_PKCS11_PIN_FILE_H_
#define KEYSVC_PKCS11_PIN_FILE_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/secret_bytes.h"

namespace keysvc::pkcs11 {

// The user PIN in a file, and the memory of a PIN that the token refused: a marker file with a
// salted hash (docs/formats.md), so that neither this process nor a later one tries it a second
// time. Another PIN in the file, or the same one for another token, may be tried. Not thread-safe.
class PinFile {
 public:
  PinFile(std::string path, std::string marker_path)
      : path_(std::move(path)), marker_path_(std::move(marker_path)) {}

  // The PIN without its trailing newline. INVALID_ARGUMENT/CONFIG_INVALID when the file cannot be
  // read, is empty or too long, belongs to another user than root and this one, or lets others in.
  absl::StatusOr<crypto::SecretBytes> Read() const;

  // FAILED_PRECONDITION/PIN_REFUSED when `token` (label and serial) has refused this PIN, or when
  // the marker is there but damaged.
  absl::Status CheckNotRefused(const crypto::SecretBytes& pin, std::string_view token) const;

  // FAILED_PRECONDITION/PIN_REFUSED unless some refused PIN is on record. For a token that says it
  // has seen a wrong PIN: without a record it may have been this one, by a process that was killed
  // before it could write the marker.
  absl::Status CheckRefusalOnRecord() const;

  // Keeps the refusal, in this object even when the marker file cannot be written (an error).
  absl::Status MarkRefused(const crypto::SecretBytes& pin, std::string_view token);

  // The token took the PIN: forgets the refusal.
  void MarkAccepted();

 private:
  absl::StatusOr<std::optional<std::string>> Refused() const;

  std::string path_;
  std::string marker_path_;
  std::optional<std::string> unwritten_;
};

}  // namespace keysvc::pkcs11

#endif  // KEYSVC_PKCS11_PIN_FILE_H_
