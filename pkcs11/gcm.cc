#include "pkcs11/gcm.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "crypto/random.h"
#include "crypto/secret_access.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::pkcs11 {
namespace {

constexpr std::size_t kIvSize = 12;
constexpr std::size_t kTagSize = 16;
constexpr std::string_view kTrial = "keysvc tries a wrapping key";

CK_GCM_PARAMS Parameters(std::string_view iv, std::string_view aad) {
  const auto input = [](std::string_view text) {
    return const_cast<CK_BYTE*>(crypto::AsBytes(text).data());
  };
  return {input(iv), iv.size(), iv.size() * 8, input(aad), aad.size(), kTagSize * 8};
}

}  // namespace

absl::StatusOr<std::string> SealGcm(Session& session, CK_OBJECT_HANDLE key, crypto::ByteView secret,
                                    std::string_view aad) {
  const std::string iv = crypto::RandomBytes(kIvSize);
  CK_GCM_PARAMS parameters = Parameters(iv, aad);
  std::string sealed = iv + std::string(secret.size() + kTagSize, '\0');
  const std::span out(reinterpret_cast<std::uint8_t*>(sealed.data()), sealed.size());
  ASSIGN_OR_RETURN(const std::size_t size,
                   session.Encrypt(key, {CKM_AES_GCM, &parameters, sizeof(parameters)}, secret,
                                   out.subspan(kIvSize)));
  if (size != secret.size() + kTagSize) {
    return Error(Reason::kHsmFailure, "C_Encrypt: AES-GCM gave a result of the wrong length");
  }
  return sealed;
}

absl::StatusOr<crypto::SecretBytes> OpenGcm(Session& session, CK_OBJECT_HANDLE key,
                                            std::string_view sealed, std::string_view aad) {
  if (sealed.size() < kIvSize + kTagSize) {
    return Error(Reason::kIntegrityFailure, "the wrapped blob is too short");
  }
  const std::string_view iv = sealed.substr(0, kIvSize);
  const std::string_view ciphertext = sealed.substr(kIvSize);
  CK_GCM_PARAMS parameters = Parameters(iv, aad);
  // As long as the ciphertext with its tag: some libraries ask for that much room.
  ASSIGN_OR_RETURN(crypto::SecretBytes secret, crypto::SecretBytes::Create(ciphertext.size()));
  ASSIGN_OR_RETURN(const std::size_t size,
                   session.Decrypt(key, {CKM_AES_GCM, &parameters, sizeof(parameters)},
                                   crypto::AsBytes(ciphertext),
                                   secret.ExposeMutable(crypto::SecretAccess::kGranted)));
  if (size != ciphertext.size() - kTagSize) {
    return Error(Reason::kHsmFailure, "C_Decrypt: AES-GCM gave a result of the wrong length");
  }
  secret.Truncate(size);
  return secret;
}

absl::Status ProveGcm(Session& session, CK_OBJECT_HANDLE key) {
  ASSIGN_OR_RETURN(const std::string sealed,
                   SealGcm(session, key, crypto::AsBytes(kTrial), kTrial));
  ASSIGN_OR_RETURN(const crypto::SecretBytes opened, OpenGcm(session, key, sealed, kTrial));
  if (!crypto::EqualInConstantTime(opened.Expose(crypto::SecretAccess::kGranted),
                                   crypto::AsBytes(kTrial))) {
    return Error(Reason::kHsmFailure, "the token opens something else than it sealed");
  }
  return absl::OkStatus();
}

}  // namespace keysvc::pkcs11
