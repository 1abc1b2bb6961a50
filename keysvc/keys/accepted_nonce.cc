#include "keysvc/keys/accepted_nonce.h"

#include <cstddef>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "crypto/bytes.h"
#include "crypto/canonical.h"
#include "crypto/digest.h"
#include "crypto/random.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/kept_answer.h"

namespace keysvc::keys {
namespace {

constexpr std::string_view kKept = "keysvc accepted nonce";
constexpr std::size_t kNeverRepeated = 16;

std::string Fingerprint(const audit::Entry& call, const tokenizer::RequestKeys& keys) {
  const std::string request =
      call.request_id.empty() ? crypto::RandomBytes(kNeverRepeated) : call.request_id;
  return std::string(crypto::AsText(keys.fingerprint->Compute(
      crypto::CanonicalWriter().Bytes(kKept).U8(1).Bytes(call.actor).Bytes(request).Take())));
}

}  // namespace

AcceptedNonce::AcceptedNonce(const audit::Entry& call, std::string_view nonce, absl::Time expires,
                             tokenizer::RequestKeys keys)
    : keys_(std::move(keys)),
      // No principal has a blank in its name.
      owner_(absl::StrCat(call.action, " ", call.resource)),
      hash_(absl::BytesToHexString(ToAbsl(crypto::AsText(crypto::Sha256(nonce))))),
      fingerprint_(Fingerprint(call, keys_)),
      expires_(expires) {}

absl::StatusOr<store::IdempotencyRow> AcceptedNonce::Row() const {
  return tokenizer::KeepAnswer(kKept, owner_, hash_, fingerprint_, expires_, {}, *keys_.answer);
}

absl::StatusOr<bool> AcceptedNonce::IsOfRepetition(store::Store& store,
                                                   const audit::Journal& journal) const {
  ASSIGN_OR_RETURN(const auto row, tokenizer::FindKeptAnswer(owner_, hash_, store, journal));
  // What was there has expired since.
  if (!row.has_value()) return false;
  const auto opened = tokenizer::OpenKeptAnswer(kKept, *row, fingerprint_, *keys_.answer);
  if (ReasonOf(opened.status()) == Reason::kRequestIdReused) return false;
  RETURN_IF_ERROR(opened.status());
  return true;
}

}  // namespace keysvc::keys
