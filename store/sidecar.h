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
// HSM's key-encryption key. The parameters are one number from an allow-list and are bound into the
// wrap by SidecarContext(), so neither can be changed alone.
struct SidecarSlot {
  std::uint8_t cipher_parameters = 0;  // 1: SQLCipher 4, raw key, page 4096, HMAC-SHA256
  std::string wrapped_key;
};

struct Sidecar {
  std::string deployment;
  std::string environment;
  SidecarSlot current;
  std::optional<SidecarSlot> next;  // while the database is being given another key
};

constexpr std::uint8_t kCipherParametersV1 = 1;

// What the wrap of a slot's key is bound to.
std::string SidecarContext(std::string_view deployment, std::string_view environment,
                           std::uint8_t cipher_parameters);

// NOT_INITIALIZED when there is none; DATA_LOSS/INTEGRITY_FAILURE when it is damaged (it ends with
// a SHA-256 of itself, against accidents only: the wrap is what resists an attacker).
absl::StatusOr<Sidecar> ReadSidecar(const std::string& path);
// Replaces the file by write, fsync, rename, fsync of the folder: a kill between steps leaves the
// old one.
absl::Status WriteSidecar(const std::string& path, const Sidecar& sidecar);

}  // namespace keysvc::store

#endif  // KEYSVC_STORE_SIDECAR_H_
