#include "pkcs11/wrapped_secret.h"

#include "status/reason.h"

namespace keysvc::pkcs11 {
namespace {

constexpr std::size_t kBlock = 8;  // of RFC 5649

bool IsByAes(Wrapping wrapping) {
  return wrapping == Wrapping::kRsaAesSha256 || wrapping == Wrapping::kRsaAesSha1;
}

// RFC 5649 pads to whole blocks and puts one before them, so that some sizes look alike.
bool FitsWrapped(KeyKind kind, std::size_t size) {
  if (size % kBlock != 0 || size < 2 * kBlock) return false;
  for (std::size_t padding = 0; padding < kBlock; ++padding) {
    if (FitsSecret(kind, size - kBlock - padding)) return true;
  }
  return false;
}

}  // namespace

absl::Status WrappedSecretInvalid() {
  return Error(Reason::kWrappedSecretInvalid, "what is wrapped is no secret that this key can be",
               "wrapped_secret");
}

bool FitsSecret(KeyKind kind, std::size_t size) {
  if (kind == KeyKind::kImportedAes256Cmac) return size == 32;
  return IsImported(kind) && size >= 24 && size <= 64;
}

std::optional<WrappedParts> PartsOf(const WrappedSecret& secret, KeyKind kind,
                                    std::size_t modulus) {
  const std::string_view bytes = secret.bytes;
  if (bytes.size() < modulus) return std::nullopt;
  const WrappedParts parts{.rsa = bytes.substr(0, modulus), .aes = bytes.substr(modulus)};
  const bool fits =
      IsByAes(secret.wrapping) ? FitsWrapped(kind, parts.aes.size()) : parts.aes.empty();
  return fits ? std::optional(parts) : std::nullopt;
}

}  // namespace keysvc::pkcs11
