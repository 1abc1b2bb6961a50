#include "keysvc/keys/kept_version.h"

#include <utility>

#include "crypto/bytes.h"
#include "crypto/canonical.h"
#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/kept_answer.h"

namespace keysvc::keys {
namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::string_view kKind = "keysvc kept key version";

}  // namespace

absl::StatusOr<store::IdempotencyRow> KeepVersion(const KeyVersionName& version,
                                                  std::string_view principal,
                                                  std::string_view request_id,
                                                  std::string_view fingerprint, absl::Time expires,
                                                  const tokenizer::RequestKeys& keys) {
  const std::string plaintext =
      crypto::CanonicalWriter().U8(kFormat).Bytes(version.ToString()).Take();
  return tokenizer::KeepAnswer(kKind, principal, request_id, fingerprint, expires,
                               crypto::AsBytes(plaintext), *keys.answer);
}

absl::StatusOr<KeyVersionName> OpenKeptVersion(const store::IdempotencyRow& row,
                                               std::string_view fingerprint,
                                               const tokenizer::RequestKeys& keys) {
  ASSIGN_OR_RETURN(const crypto::SecretBytes plaintext,
                   tokenizer::OpenKeptAnswer(kKind, row, fingerprint, *keys.answer));
  crypto::CanonicalReader reader(crypto::AsText(plaintext.Expose(crypto::SecretAccess::kGranted)));
  ASSIGN_OR_RETURN(const std::uint8_t format, reader.U8());
  if (format != kFormat) return Error(Reason::kIntegrityFailure, "unknown kept key version");
  ASSIGN_OR_RETURN(const std::string_view text, reader.Bytes());
  RETURN_IF_ERROR(reader.Finish());
  auto name = KeyVersionName::Parse(text);
  if (!name.ok()) return Error(Reason::kIntegrityFailure, "a kept key version has no name");
  return name;
}

}  // namespace keysvc::keys
