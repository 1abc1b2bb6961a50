#include "keysvc/keys/accepted_nonce.h"

#include <cstddef>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "crypto/bytes.h"
#include "crypto/canonical.h"
#include "crypto/random.h"
#include "crypto/secret_bytes.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/kept_answer.h"

namespace keysvc::keys {
namespace {

constexpr std::string_view kKept = "keysvc accepted nonce";
constexpr std::string_view kName = "keysvc accepted nonce name";
constexpr std::size_t kNeverRepeated = 16;
// What is accepted may be from a clock that is ahead.
constexpr absl::Duration kMargin = absl::Minutes(2);

// The nonce is the sender's text, in which a card number may stand: a hash without a key would be
// found again by trying those.
std::string NameOf(const PresentedSignature::Claims& claims, const tokenizer::RequestKeys& keys) {
  crypto::CanonicalWriter text;
  text.Bytes(kName).U8(1).Bytes(claims.identity());
  return absl::BytesToHexString(ToAbsl(crypto::AsText(keys.fingerprint->Compute(text.Take()))));
}

// Also over the signature: what was never checked must not pass for a repetition.
std::string Fingerprint(const audit::Entry& call, const PresentedSignature::Claims& claims,
                        const tokenizer::RequestKeys& keys) {
  const std::string request =
      call.request_id.empty() ? crypto::RandomBytes(kNeverRepeated) : call.request_id;
  crypto::CanonicalWriter text;
  text.Bytes(kKept).U8(1).Bytes(call.actor).Bytes(request).Bytes(claims.input);
  for (const std::string& signature : claims.signatures) text.Bytes(signature);
  return std::string(crypto::AsText(keys.fingerprint->Compute(text.Take())));
}

}  // namespace

AcceptedNonce::AcceptedNonce(const audit::Entry& call, const PresentedSignature::Claims& claims,
                             tokenizer::RequestKeys keys)
    : keys_(std::move(keys)),
      // No principal has a blank in its name.
      owner_(absl::StrCat(call.action, " ", call.resource)),
      name_(NameOf(claims, keys_)),
      fingerprint_(Fingerprint(call, claims, keys_)) {}

std::optional<std::string_view> AcceptedNonce::KeyOf(std::string_view principal) {
  const std::size_t blank = principal.find(' ');
  if (blank == std::string_view::npos) return std::nullopt;
  return principal.substr(blank + 1);
}

absl::StatusOr<store::IdempotencyRow> AcceptedNonce::Row(std::string_view key_version,
                                                         absl::Time now) const {
  const absl::Time end = now + kNonceKept + kMargin;
  const absl::Time minute =
      absl::UnixEpoch() + absl::Ceil(end - absl::UnixEpoch(), absl::Minutes(1));
  return tokenizer::KeepAnswer(kKept, owner_, name_, fingerprint_, minute,
                               crypto::AsBytes(key_version), *keys_.answer);
}

absl::StatusOr<bool> AcceptedNonce::IsKnown(store::Store& store,
                                            const audit::Journal& journal) const {
  ASSIGN_OR_RETURN(const auto row, tokenizer::FindKeptAnswer(owner_, name_, store, journal));
  return row.has_value();
}

absl::StatusOr<std::optional<std::string>> AcceptedNonce::FindEarlier(
    store::Store& store, const audit::Journal& journal) const {
  ASSIGN_OR_RETURN(const auto row, tokenizer::FindKeptAnswer(owner_, name_, store, journal));
  if (!row.has_value()) return std::nullopt;
  const auto opened = tokenizer::OpenKeptAnswer(kKept, *row, fingerprint_, *keys_.answer);
  if (ReasonOf(opened.status()) == Reason::kRequestIdReused) return std::nullopt;
  RETURN_IF_ERROR(opened.status());
  return std::string(crypto::AsText(opened->Expose(crypto::SecretAccess::kGranted)));
}

}  // namespace keysvc::keys
