#ifndef KEYSVC_AUDIT_CHECKPOINT_H_
#define KEYSVC_AUDIT_CHECKPOINT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "crypto/digest.h"

namespace keysvc::audit {

// Signs checkpoints; implemented over the HSM's audit key. Thread-safe; Sign may block.
class CheckpointSigner {
 public:
  virtual ~CheckpointSigner() = default;
  // The signature over the note's text: 64 bytes for Ed25519, DER for ECDSA P-256.
  virtual absl::StatusOr<std::string> Sign(std::string_view text) = 0;
  // DER SubjectPublicKeyInfo of the Ed25519 or P-256 key.
  virtual const std::string& public_key() const = 0;
};

// A checkpoint of the log (C2SP tlog-checkpoint): its name, size and Merkle root.
struct Checkpoint {
  std::string origin;
  std::uint64_t size = 0;
  crypto::Sha256Digest root{};

  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

// The keys that sign a log's checkpoints.
struct LogKeys {
  std::string current;
  // Of a log that was restored after the loss of its audit key: the keys before, newest first. Each
  // one's checkpoints end where the Log.Restored that replaced it begins. The newest checkpoint may
  // be by any of them, when restorations were broken off before the first by their own key.
  struct Earlier {
    std::string key;
    std::uint64_t restored_at = 0;  // index of Log.Restored
  };
  std::vector<Earlier> earlier = {};
};

// Whether `name` may name a log: printable ASCII without spaces or '+' (C2SP signed-note).
bool IsLogName(std::string_view name);

// The key that verifies a log's checkpoints, in the C2SP signed-note form
// "<name>+<hex key id>+<base64(type || key)>"; types 0x01 Ed25519 and 0x02 ECDSA (DER SPKI).
std::string VerifierKey(std::string_view name, std::string_view spki);

// "origin\nsize\nbase64(root)\n".
std::string CheckpointText(const Checkpoint& checkpoint);
// Signs and checks the signature; the signer's error, or INTERNAL/HSM_FAILURE when it is wrong.
absl::StatusOr<std::string> SignCheckpoint(const Checkpoint& checkpoint, CheckpointSigner& signer);
// Parses a signed note and checks its signature by `verifier_key`. DATA_LOSS/INTEGRITY_FAILURE when
// the text, the key id or the signature is wrong, or the log is not the one the key names;
// signatures by unknown keys are ignored.
absl::StatusOr<Checkpoint> OpenCheckpoint(std::string_view note, std::string_view verifier_key);
// The same by any of the log's keys. A checkpoint by an earlier key that reaches beyond its
// restoration is refused: nobody could have made it but with the key that was lost.
absl::StatusOr<Checkpoint> OpenCheckpoint(std::string_view note, const LogKeys& keys);

}  // namespace keysvc::audit

#endif  // KEYSVC_AUDIT_CHECKPOINT_H_
