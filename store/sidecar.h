#ifndef KEYSVC_STORE_SIDECAR_H_
#define KEYSVC_STORE_SIDECAR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace keysvc::store {

// The file beside the database that says how it is encrypted and holds its key, wrapped by the
// HSM's key-encryption key and, where there is one, sealed to a recovery key. The parameters are
// one number from an allow-list; WrapContextOf() binds them and the recovery copy into the wrap, so
// that none of them can be changed alone.
struct SidecarSlot {
  std::uint8_t cipher_parameters = 0;  // 1: SQLCipher 4, raw key, page 4096, HMAC-SHA256
  std::string wrapped_key;
  std::string recovery_key_id = {};  // of the recovery certificate; empty when there is none
  std::string recovery = {};         // the key, sealed to it in the context SidecarContext()
};

struct Sidecar {
  std::uint8_t format = 2;  // 1: read only, has no recovery copies
  std::string deployment;
  std::string environment;
  SidecarSlot current;
  std::optional<SidecarSlot> next;  // while the database is being given another key
};

constexpr std::uint8_t kCipherParametersV1 = 1;

// What the database key of a slot is for: what its recovery copy is sealed with, and its wrap in
// format 1.
std::string SidecarContext(std::string_view deployment, std::string_view environment,
                           std::uint8_t cipher_parameters);
// What the wrap of a slot's key is bound to, by the sidecar's format.
std::string WrapContextOf(const Sidecar& sidecar, const SidecarSlot& slot);

// NOT_INITIALIZED when there is none; DATA_LOSS/INTEGRITY_FAILURE when it is damaged (it ends with
// a SHA-256 of itself, against accidents only: the wrap is what resists an attacker).
absl::StatusOr<Sidecar> ReadSidecar(const std::string& path);
// Replaces the file by write, fsync, rename, fsync of the folder: a kill between steps leaves the
// old one. Writes format 2 only.
absl::Status WriteSidecar(const std::string& path, const Sidecar& sidecar);

}  // namespace keysvc::store

#endif  // KEYSVC_STORE_SIDECAR_H_
