#include "tokenizer/kept_state_change.h"

#include <algorithm>
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
// Of an answer with a reason that the first has no byte for.
constexpr std::uint8_t kReasonFormat = 2;

constexpr std::string_view kKind = "keysvc kept state change";

// How what became of a token is written. What is no name has its error from the request itself.
enum class Kept : std::uint8_t { kDone = 0, kNoName = 1, kNotFound = 2, kDeleted = 3 };

// None for what the second format says by its reason.
std::optional<Kept> KeptOf(const absl::Status& result) {
  if (result.ok()) return Kept::kDone;
  switch (ReasonOf(result).value_or(Reason::kInternal)) {
    case Reason::kFieldInvalid:
    case Reason::kFieldRequired:
      return Kept::kNoName;
    case Reason::kTokenNotFound:
      return Kept::kNotFound;
    case Reason::kTokenDeleted:
      return Kept::kDeleted;
    default:
      return std::nullopt;
  }
}

std::uint8_t FormatFor(const std::vector<absl::Status>& results) {
  return std::all_of(results.begin(), results.end(),
                     [](const absl::Status& result) { return KeptOf(result).has_value(); })
             ? kFormat
             : kReasonFormat;
}

absl::Status Refused(Reason reason) {
  switch (reason) {
    case Reason::kFieldInvalid:
      return Error(reason, "not a token's name", "names");
    case Reason::kTokenNotFound:
      return Error(reason, "no such token");
    case Reason::kTokenDeleted:
      return Deleted();
    default:
      return Error(reason, "not changed when this was asked for the first time");
  }
}

absl::Status ReadResult(std::uint8_t format, crypto::CanonicalReader& reader,
                        absl::Status& result) {
  if (format == kReasonFormat) {
    ASSIGN_OR_RETURN(const std::string_view reason, reader.Bytes());
    result = reason.empty() ? absl::OkStatus() : Refused(ReasonNamed(reason));
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const std::uint8_t kept, reader.U8());
  switch (static_cast<Kept>(kept)) {
    case Kept::kDone:
      result = absl::OkStatus();
      return absl::OkStatus();
    case Kept::kNoName:
      result = Refused(Reason::kFieldInvalid);
      return absl::OkStatus();
    case Kept::kNotFound:
      result = Refused(Reason::kTokenNotFound);
      return absl::OkStatus();
    case Kept::kDeleted:
      result = Refused(Reason::kTokenDeleted);
      return absl::OkStatus();
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

absl::StatusOr<store::IdempotencyRow> KeepStateChange(const std::vector<absl::Status>& results,
                                                      std::string_view principal,
                                                      std::string_view request_id,
                                                      std::string_view fingerprint,
                                                      absl::Time expires, const AnswerKey& key) {
  crypto::CanonicalWriter answer;
  const std::uint8_t format = FormatFor(results);
  answer.U8(format).U32(static_cast<std::uint32_t>(results.size()));
  for (const absl::Status& result : results) {
    if (format == kFormat) {
      answer.U8(static_cast<std::uint8_t>(*KeptOf(result)));
    } else {
      answer.Bytes(result.ok() ? std::string_view()
                               : InfoOf(ReasonOf(result).value_or(Reason::kInternal)).name);
    }
  }
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
  if (format != kFormat && format != kReasonFormat) {
    return Error(Reason::kIntegrityFailure, "a kept answer has an unknown format");
  }
  ASSIGN_OR_RETURN(const std::uint32_t count, reader.U32());
  std::vector<absl::Status> results;
  for (std::uint32_t i = 0; i < count; ++i) {
    RETURN_IF_ERROR(ReadResult(format, reader, results.emplace_back()));
  }
  RETURN_IF_ERROR(reader.Finish());
  return results;
}

}  // namespace keysvc::tokenizer
