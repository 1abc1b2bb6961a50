#include "keysvc/keys/kept_delivery.h"

#include <cstdint>
#include <string>
#include <utility>

#include "crypto/bytes.h"
#include "crypto/canonical.h"
#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/kept_answer.h"

namespace keysvc::keys {
namespace {

constexpr std::uint8_t kFormatWithoutCheckValue = 1;
constexpr std::uint8_t kFormat = 2;
constexpr std::string_view kKind = "keysvc kept delivery";

}  // namespace

absl::StatusOr<store::IdempotencyRow> KeepDelivery(const DeliveredKey& delivered,
                                                   std::string_view principal,
                                                   std::string_view request_id,
                                                   std::string_view fingerprint, absl::Time expires,
                                                   const tokenizer::RequestKeys& keys) {
  const std::string plaintext = crypto::CanonicalWriter()
                                    .U8(kFormat)
                                    .Bytes(delivered.key_version.ToString())
                                    .Bytes(delivered.wrapped.bytes)
                                    .Bytes(delivered.wrapped.algorithm)
                                    .Bytes(delivered.check_value)
                                    .Take();
  return tokenizer::KeepAnswer(kKind, principal, request_id, fingerprint, expires,
                               crypto::AsBytes(plaintext), *keys.answer);
}

absl::StatusOr<DeliveredKey> OpenKeptDelivery(const store::IdempotencyRow& row,
                                              std::string_view fingerprint,
                                              const tokenizer::RequestKeys& keys) {
  ASSIGN_OR_RETURN(const crypto::SecretBytes plaintext,
                   tokenizer::OpenKeptAnswer(kKind, row, fingerprint, *keys.answer));
  crypto::CanonicalReader reader(crypto::AsText(plaintext.Expose(crypto::SecretAccess::kGranted)));
  ASSIGN_OR_RETURN(const std::uint8_t format, reader.U8());
  if (format != kFormat && format != kFormatWithoutCheckValue) {
    return Error(Reason::kIntegrityFailure, "unknown kept delivery");
  }
  ASSIGN_OR_RETURN(const std::string_view version, reader.Bytes());
  ASSIGN_OR_RETURN(const std::string_view bytes, reader.Bytes());
  ASSIGN_OR_RETURN(const std::string_view algorithm, reader.Bytes());
  std::string_view check_value;
  if (format == kFormat) {
    ASSIGN_OR_RETURN(check_value, reader.Bytes());
  }
  RETURN_IF_ERROR(reader.Finish());
  auto name = KeyVersionName::Parse(version);
  if (!name.ok()) return Error(Reason::kIntegrityFailure, "a kept delivery names no key");
  return DeliveredKey{
      *std::move(name), {std::string(bytes), std::string(algorithm)}, std::string(check_value)};
}

}  // namespace keysvc::keys
