#include "keysvc/keys/kept_signature.h"

#include <utility>

#include "crypto/bytes.h"
#include "crypto/canonical.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

constexpr std::uint8_t kFormat = 1;

std::string AadOf(const store::IdempotencyRow& row) {
  return crypto::CanonicalWriter()
      .Bytes("keysvc kept signature")
      .Bytes(row.principal)
      .Bytes(row.request_id)
      .Bytes(row.fingerprint)
      .U64(static_cast<std::uint64_t>(row.expires_ms))
      .Take();
}

absl::StatusOr<Signature> Decode(std::string_view plaintext) {
  crypto::CanonicalReader reader(plaintext);
  ASSIGN_OR_RETURN(const std::uint8_t format, reader.U8());
  if (format != kFormat) return Error(Reason::kIntegrityFailure, "unknown kept signature");
  ASSIGN_OR_RETURN(const std::string_view bytes, reader.Bytes());
  ASSIGN_OR_RETURN(const std::string_view version, reader.Bytes());
  ASSIGN_OR_RETURN(const std::string_view algorithm, reader.Bytes());
  RETURN_IF_ERROR(reader.Finish());
  auto name = KeyVersionName::Parse(version);
  if (!name.ok()) return Error(Reason::kIntegrityFailure, "a kept signature names no key");
  return Signature{std::string(bytes), *std::move(name), std::string(algorithm)};
}

}  // namespace

absl::StatusOr<store::IdempotencyRow> KeepSignature(
    const Signature& signature, std::string_view principal, std::string_view request_id,
    std::string_view fingerprint, absl::Time expires, const tokenizer::RequestKeys& keys) {
  store::IdempotencyRow row{.principal = std::string(principal),
                            .request_id = std::string(request_id),
                            .fingerprint = std::string(fingerprint),
                            .answer = {},
                            .expires_ms = absl::ToUnixMillis(expires)};
  const std::string plaintext = crypto::CanonicalWriter()
                                    .U8(kFormat)
                                    .Bytes(signature.bytes)
                                    .Bytes(signature.key_version.ToString())
                                    .Bytes(signature.algorithm)
                                    .Take();
  ASSIGN_OR_RETURN(row.answer, keys.answer->Seal(crypto::AsBytes(plaintext), AadOf(row)));
  return row;
}

absl::StatusOr<Signature> OpenKeptSignature(const store::IdempotencyRow& row,
                                            std::string_view fingerprint,
                                            const tokenizer::RequestKeys& keys) {
  if (!crypto::EqualInConstantTime(crypto::AsBytes(row.fingerprint),
                                   crypto::AsBytes(fingerprint))) {
    return Error(Reason::kRequestIdReused, "the request id was used for another request",
                 "request_id");
  }
  ASSIGN_OR_RETURN(const crypto::SecretBytes plaintext, keys.answer->Open(row.answer, AadOf(row)));
  return Decode(crypto::AsText(plaintext.Expose(crypto::SecretAccess::kGranted)));
}

}  // namespace keysvc::keys
