#include "tokenizer/kept_answer.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

#include "crypto/canonical.h"
#include "status/macros.h"

namespace keysvc::tokenizer {
namespace {

std::string AssociatedData(std::string_view kind, const store::IdempotencyRow& row) {
  return crypto::CanonicalWriter()
      .Bytes(kind)
      .Bytes(row.principal)
      .Bytes(row.request_id)
      .Bytes(row.fingerprint)
      .U64(static_cast<std::uint64_t>(row.expires_ms))
      .Take();
}

}  // namespace

absl::StatusOr<store::IdempotencyRow> KeepAnswer(std::string_view kind, std::string_view principal,
                                                 std::string_view request_id,
                                                 std::string_view fingerprint, absl::Time expires,
                                                 crypto::ByteView answer, const AnswerKey& key) {
  store::IdempotencyRow row{.principal = std::string(principal),
                            .request_id = std::string(request_id),
                            .fingerprint = std::string(fingerprint),
                            .answer = {},
                            .expires_ms = absl::ToUnixMillis(expires)};
  ASSIGN_OR_RETURN(row.answer, key.Seal(answer, AssociatedData(kind, row)));
  return row;
}

bool FailedInPassing(const absl::Status& result) {
  if (result.ok()) return false;
  const Reason reason = ReasonOf(result).value_or(Reason::kInternal);
  switch (reason) {
    case Reason::kKeyUsesExhausted:  // until the key is rotated
    case Reason::kHsmFailure:
    case Reason::kPinRefused:  // until the operator has put in another one
    case Reason::kTokenMissing:
    case Reason::kInternal:
      return true;
    default:
      return InfoOf(reason).retryable && !IsLimit(reason);
  }
}

absl::Status FindPassing(const std::vector<absl::Status>& results) {
  const auto found = std::find_if(results.begin(), results.end(), FailedInPassing);
  return found == results.end() ? absl::OkStatus() : *found;
}

Reason ReasonNamed(std::string_view name) {
  for (const ReasonInfo& info : AllReasons()) {
    if (info.name == name) return info.reason;
  }
  return Reason::kInternal;
}

absl::StatusOr<std::optional<store::IdempotencyRow>> FindKeptAnswer(std::string_view principal,
                                                                    std::string_view request_id,
                                                                    store::Store& store,
                                                                    const audit::Journal& journal) {
  if (request_id.empty()) return std::nullopt;
  return store.FindIdempotency(principal, request_id, absl::ToUnixMillis(journal.UnsteppedTime()));
}

absl::StatusOr<crypto::SecretBytes> OpenKeptAnswer(std::string_view kind,
                                                   const store::IdempotencyRow& row,
                                                   std::string_view fingerprint,
                                                   const AnswerKey& key) {
  if (!crypto::EqualInConstantTime(crypto::AsBytes(row.fingerprint),
                                   crypto::AsBytes(fingerprint))) {
    return Error(Reason::kRequestIdReused, "the request id was used for another request",
                 "request_id");
  }
  return key.Open(row.answer, AssociatedData(kind, row));
}

}  // namespace keysvc::tokenizer
