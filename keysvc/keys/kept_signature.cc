#include "keysvc/keys/kept_signature.h"

#include <utility>

#include "crypto/bytes.h"
#include "crypto/canonical.h"
#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/kept_answer.h"

namespace keysvc::keys {
namespace {

constexpr std::uint8_t kFormat = 1;

constexpr std::string_view kKind = "keysvc kept signature";

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
  return tokenizer::KeepAnswer(kKind, std::move(row), crypto::AsBytes(plaintext), *keys.answer);
}

absl::StatusOr<Signature> OpenKeptSignature(const store::IdempotencyRow& row,
                                            std::string_view fingerprint,
                                            const tokenizer::RequestKeys& keys) {
  ASSIGN_OR_RETURN(const crypto::SecretBytes plaintext,
                   tokenizer::OpenKeptAnswer(kKind, row, fingerprint, *keys.answer));
  return Decode(crypto::AsText(plaintext.Expose(crypto::SecretAccess::kGranted)));
}

}  // namespace keysvc::keys
