#ifndef KEYSVC_CRYPTO_RECOVERY_SHARE_H_
#define KEYSVC_CRYPTO_RECOVERY_SHARE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "crypto/recovery_key.h"
#include "crypto/secret_bytes.h"

namespace keysvc::crypto {

constexpr std::uint8_t kMostRecoveryShares = 16;

// What all shares of one recovery key agree on.
struct RecoverySharing {
  std::string deployment;
  std::string environment;
  std::string key_id;          // of the recovery certificate
  std::uint8_t threshold = 0;  // so many of them give the key
  std::uint8_t shares = 0;

  friend bool operator==(const RecoverySharing&, const RecoverySharing&) = default;
};

// What one custodian keeps.
struct RecoveryShare {
  RecoverySharing of;
  std::uint8_t number = 0;  // 1 .. of.shares
  SecretBytes secret;       // as SplitSecret() made it
};

// Whether a key can be shared like this: 2 <= threshold <= shares <= 16, since nobody should have
// the key alone. INVALID_ARGUMENT/FIELD_INVALID.
absl::Status CheckRecoverySharing(const RecoverySharing& sharing);

// One share for each custodian. The sharing's key id is filled in.
absl::StatusOr<std::vector<RecoveryShare>> SplitRecoveryKey(const RecoveryKey& key,
                                                            RecoverySharing sharing);

// The text file of a share, and back. docs/formats.md lays it down. Reading says what is wrong:
// INVALID_ARGUMENT/RECOVERY_SHARE_INVALID for no share, a truncated one, a damaged one, one whose
// heading was changed, one that contradicts itself.
absl::StatusOr<SecretBytes> WriteRecoveryShare(const RecoveryShare& share);
absl::StatusOr<RecoveryShare> ReadRecoveryShare(const SecretBytes& text);
// The share in a file; its errors name the file, and are ReadSecretFile()'s too.
absl::StatusOr<RecoveryShare> ReadRecoveryShareFile(const std::string& path);

// The key that the shares give; more than needed may be given. Refuses
//   INVALID_ARGUMENT/RECOVERY_SHARES_MISMATCH  shares of different keys, or one twice
//   FAILED_PRECONDITION/RECOVERY_SHARES_TOO_FEW
//   INVALID_ARGUMENT/RECOVERY_SHARE_INVALID    one was changed, although its file looks sound
absl::StatusOr<std::unique_ptr<RecoveryKey>> CombineRecoveryShares(
    std::span<const RecoveryShare> shares);

}  // namespace keysvc::crypto

#endif  // KEYSVC_CRYPTO_RECOVERY_SHARE_H_
