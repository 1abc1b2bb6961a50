#include "keysvc/keys/kept_signature.h"

#include <cstdint>
#include <utility>

#include "crypto/bytes.h"
#include "crypto/canonical.h"
#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/kept_answer.h"

namespace keysvc::keys {
namespace {

constexpr std::uint8_t kFormatOfOne = 1;
constexpr std::uint8_t kFormatOfSeveral = 2;

constexpr std::string_view kKind = "keysvc kept signature";

std::string Encode(const KeptSignatures& kept) {
  crypto::CanonicalWriter writer;
  if (kept.bytes.size() == 1) {
    writer.U8(kFormatOfOne).Bytes(kept.bytes.front());
  } else {
    writer.U8(kFormatOfSeveral).U32(static_cast<std::uint32_t>(kept.bytes.size()));
    for (const std::string& bytes : kept.bytes) writer.Bytes(bytes);
  }
  return writer.Bytes(kept.key_version.ToString()).Bytes(kept.algorithm).Take();
}

absl::StatusOr<KeptSignatures> Decode(std::string_view plaintext) {
  crypto::CanonicalReader reader(plaintext);
  ASSIGN_OR_RETURN(const std::uint8_t format, reader.U8());
  std::uint32_t count = 1;
  if (format == kFormatOfSeveral) {
    ASSIGN_OR_RETURN(count, reader.U32());
  } else if (format != kFormatOfOne) {
    return Error(Reason::kIntegrityFailure, "unknown kept signature");
  }
  KeptSignatures kept;
  for (std::uint32_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(const std::string_view bytes, reader.Bytes());
    kept.bytes.emplace_back(bytes);
  }
  ASSIGN_OR_RETURN(const std::string_view version, reader.Bytes());
  ASSIGN_OR_RETURN(const std::string_view algorithm, reader.Bytes());
  RETURN_IF_ERROR(reader.Finish());
  auto name = KeyVersionName::Parse(version);
  if (!name.ok()) return Error(Reason::kIntegrityFailure, "a kept signature names no key");
  kept.key_version = *std::move(name);
  kept.algorithm = algorithm;
  return kept;
}

}  // namespace

absl::StatusOr<store::IdempotencyRow> KeepSignatures(
    const KeptSignatures& kept, std::string_view principal, std::string_view request_id,
    std::string_view fingerprint, absl::Time expires, const tokenizer::RequestKeys& keys) {
  const std::string plaintext = Encode(kept);
  return tokenizer::KeepAnswer(kKind, principal, request_id, fingerprint, expires,
                               crypto::AsBytes(plaintext), *keys.answer);
}

absl::StatusOr<KeptSignatures> OpenKeptSignatures(const store::IdempotencyRow& row,
                                                  std::string_view fingerprint,
                                                  const tokenizer::RequestKeys& keys) {
  ASSIGN_OR_RETURN(const crypto::SecretBytes plaintext,
                   tokenizer::OpenKeptAnswer(kKind, row, fingerprint, *keys.answer));
  return Decode(crypto::AsText(plaintext.Expose(crypto::SecretAccess::kGranted)));
}

}  // namespace keysvc::keys
