#include "tokenizer/kept_state_change.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "crypto/bytes.h"
#include "crypto/canonical.h"
#include "crypto/digest.h"
#include "crypto/secret_bytes.h"
#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/kept_answer.h"
#include "tokenizer/named_tokens.h"

namespace keysvc::tokenizer {
namespace {

constexpr std::uint8_t kFormat = 1;

constexpr std::string_view kKind = "keysvc kept state change";

// How what became of a token is written. What is no name has its error from the request itself.
enum class Kept : std::uint8_t { kDone = 0, kNoName = 1, kNotFound = 2, kDeleted = 3 };

Kept KeptOf(const absl::Status& result) {
  if (result.ok()) return Kept::kDone;
  switch (ReasonOf(result).value_or(Reason::kInternal)) {
    case Reason::kTokenNotFound:
      return Kept::kNotFound;
    case Reason::kTokenDeleted:
      return Kept::kDeleted;
    default:
      return Kept::kNoName;
  }
}

absl::Status ResultOf(std::uint8_t kept) {
  switch (static_cast<Kept>(kept)) {
    case Kept::kDone:
      return absl::OkStatus();
    case Kept::kNoName:
      return Error(Reason::kFieldInvalid, "not a token's name", "names");
    case Kept::kNotFound:
      return Error(Reason::kTokenNotFound, "no such token");
    case Kept::kDeleted:
      return Deleted();
  }
  return Error(Reason::kIntegrityFailure, "a kept answer says what is never said");
}

}  // namespace

std::string FingerprintOf(TokenState state, std::string_view tenant,
                          const std::vector<absl::StatusOr<TokenName>>& names,
                          const crypto::HmacSha256& key) {
  crypto::CanonicalWriter request;
  request.Bytes("keysvc state change request")
      .U8(kFormat)
      .U8(static_cast<std::uint8_t>(state))
      .Bytes(tenant);
  AddNames(names, request);
  return std::string(crypto::AsText(key.Compute(request.Take())));
}

bool IsFinal(const absl::Status& result) {
  const std::optional<Reason> reason = ReasonOf(result);
  return reason == Reason::kTokenNotFound || reason == Reason::kTokenDeleted;
}

absl::StatusOr<store::IdempotencyRow> KeepStateChange(const std::vector<absl::Status>& results,
                                                      std::string_view principal,
                                                      std::string_view request_id,
                                                      std::string_view fingerprint,
                                                      absl::Time expires, const AnswerKey& key) {
  crypto::CanonicalWriter answer;
  answer.U8(kFormat).U32(static_cast<std::uint32_t>(results.size()));
  for (const absl::Status& result : results) answer.U8(static_cast<std::uint8_t>(KeptOf(result)));
  return KeepAnswer(kKind, principal, request_id, fingerprint, expires,
                    crypto::AsBytes(answer.Take()), key);
}

absl::StatusOr<std::vector<absl::Status>> OpenKeptStateChange(const store::IdempotencyRow& row,
                                                              std::string_view fingerprint,
                                                              const AnswerKey& key) {
  ASSIGN_OR_RETURN(const crypto::SecretBytes plaintext,
                   OpenKeptAnswer(kKind, row, fingerprint, key));
  crypto::CanonicalReader reader(crypto::AsText(plaintext.Expose(crypto::SecretAccess::kGranted)));
  ASSIGN_OR_RETURN(const std::uint8_t format, reader.U8());
  if (format != kFormat) {
    return Error(Reason::kIntegrityFailure, "a kept answer has an unknown format");
  }
  ASSIGN_OR_RETURN(const std::uint32_t count, reader.U32());
  std::vector<absl::Status> results;
  for (std::uint32_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(const std::uint8_t kept, reader.U8());
    absl::Status& result = results.emplace_back(ResultOf(kept));
    if (ReasonOf(result) == Reason::kIntegrityFailure) return result;
  }
  RETURN_IF_ERROR(reader.Finish());
  return results;
}

}  // namespace keysvc::tokenizer
