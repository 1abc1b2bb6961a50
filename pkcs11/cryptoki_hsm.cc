#include "pkcs11/cryptoki_hsm.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "crypto/public_key.h"
#include "pkcs11/connection.h"
#include "pkcs11/gcm.h"
#include "pkcs11/key_cache.h"
#include "pkcs11/key_objects.h"
#include "pkcs11/mechanisms.h"
#include "pkcs11/oaep.h"
#include "pkcs11/return_code.h"
#include "pkcs11/token_directory.h"
#include "pkcs11/unwrapping.h"
#include "pkcs11/wrapped_secret.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::pkcs11 {
namespace {

// Longer than a token takes to make the largest key.
constexpr absl::Duration kMakingWait = absl::Seconds(30);

constexpr std::string_view kProbeMessage = "keysvc health probe";

const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

Rung FirstRung(Recovery recovery) {
  switch (recovery) {
    case Recovery::kRetry:
    case Recovery::kDiscardSession:
      return Rung::kNewSession;
    case Recovery::kLoginLost:
    case Recovery::kTokenAway:
      return Rung::kLogInAgain;
    case Recovery::kFatal:
      return Rung::kGiveUp;
  }
  return Rung::kGiveUp;
}

Rung Next(Rung rung) { return static_cast<Rung>(static_cast<int>(rung) + 1); }

absl::Status NotForThisKind() {
  return Error(Reason::kAlgorithmUnsupported, "a key of this kind cannot do that");
}

// Whether what UnwrapSecret said leaves open if it is the token that failed, or the secret.
bool MayBeOfToken(const absl::Status& status) {
  const auto reason = ReasonOf(status);
  return !status.ok() && reason != Reason::kWrappedSecretInvalid &&
         reason != Reason::kAlgorithmUnsupported;
}

// The error of a making, after which not even what it made could be removed.
absl::Status MayBeLeft(const absl::Status& error) {
  absl::Status said(error.code(),
                    absl::StrCat(error.message(), "; what it made may be left on the token"));
  error.ForEachPayload(
      [&said](absl::string_view url, const absl::Cord& payload) { said.SetPayload(url, payload); });
  return said;
}

class CryptokiHsm final : public Hsm {
 public:
  CryptokiHsm(std::unique_ptr<Connection> connection, const TokenOptions& options)
      : connection_(std::move(connection)),
        token_directory_(options.token_directory),
        look_up_wait_(options.look_up_wait),
        restriction_(options.restrict_mechanisms ? Restriction::kMechanisms
                                                 : Restriction::kOperations) {}

  const Capabilities& capabilities() const override { return connection_->capabilities(); }
  absl::Status Generate(std::string_view label, KeyKind kind) override {
    return Make({std::string(label), kind}, Extraction::kNever);
  }
  absl::Status GenerateShared(std::string_view label, KeyKind kind) override;
  absl::StatusOr<WrappedKey> Deliver(std::string_view label, std::string_view recipient) override;
  absl::Status Import(std::string_view label, KeyKind kind, std::string_view unwrapping,
                      const WrappedSecret& secret) override;
  absl::Status Destroy(std::string_view label) override;
  absl::StatusOr<std::vector<HsmKey>> List() override;
  absl::StatusOr<std::string> PublicKey(std::string_view label) override;
  absl::StatusOr<std::string> Sign(std::string_view label, Mechanism mechanism,
                                   std::string_view message) override;
  absl::StatusOr<std::string> SignDigest(std::string_view label, Mechanism mechanism,
                                         std::string_view digest) override;
  absl::StatusOr<std::string> Wrap(std::string_view label, crypto::ByteView secret,
                                   std::string_view aad) override;
  absl::StatusOr<crypto::SecretBytes> Unwrap(std::string_view label, std::string_view wrapped,
                                             std::string_view aad) override;
  absl::Status Probe(std::string_view label) override;

 private:
  using Objects = std::unique_lock<std::timed_mutex>;
  struct FoundKey {
    KeyObjects objects;
    std::uint64_t epoch;
  };

  template <typename Call>
  auto Climb(Call call) -> decltype(call());
  template <typename Call>
  auto WithSession(Call call) -> decltype(call(std::declval<SessionPool::Lease&>()));
  template <typename Call>
  auto WithKey(std::string_view label, Call call)
      -> decltype(call(std::declval<SessionPool::Lease&>(), std::declval<const KeyObjects&>()));

  absl::StatusOr<Objects> LockObjects(absl::Duration wait);
  absl::StatusOr<FoundKey> LookUp(std::string_view label);
  // Whether it may be believed that a key which was not found is not there: the token is present,
  // and the library has not shown the key since it was initialised.
  absl::Status ConfirmAbsent(SessionPool::Lease& lease, std::string_view label);
  // Has `once` make the key `label`, as often as it takes. What was made and not finished, which
  // `once` says by the flag, is destroyed.
  template <typename Once>
  absl::Status MakeBy(std::string_view label, Once once);
  absl::Status Make(const HsmKey& key, Extraction extraction);
  absl::Status ImportOnce(SessionPool::Lease& lease, const HsmKey& key, std::string_view unwrapping,
                          const WrappedSecret& secret, bool& made);
  absl::Status MakeOnce(SessionPool::Lease& lease, const HsmKey& key, Extraction extraction,
                        bool& made);
  absl::Status DeliverOnce(SessionPool::Lease& lease, std::string_view label,
                           const crypto::RsaNumbers& recipient, std::optional<WrappedKey>& wrapped);

  std::unique_ptr<Connection> connection_;
  const std::string token_directory_;
  const absl::Duration look_up_wait_;
  const Restriction restriction_;
  KeyCache cache_;
  // Held while objects are made, destroyed or searched for, because SoftHSM 2.6.1 fails at random
  // when these meet (its issue 573). Always taken before a session is borrowed.
  std::timed_mutex objects_;
};

// Repeats `call`, which borrows its own session, after ever stronger recovery until it succeeds,
// fails for good, or the ladder ends.
template <typename Call>
auto CryptokiHsm::Climb(Call call) -> decltype(call()) {
  Rung lowest = Rung::kNewSession;
  for (;;) {
    const std::uint64_t epoch = connection_->epoch();
    auto result = call();
    if (result.ok()) return result;
    const Recovery recovery = RecoveryOf(StatusOf(result));
    const Rung rung = std::max(lowest, FirstRung(recovery));
    // A busy token gains nothing from being logged in to again.
    const bool busy_again = recovery == Recovery::kRetry && rung != Rung::kNewSession;
    if (rung == Rung::kGiveUp || busy_again) return result;
    if (rung != Rung::kNewSession) RETURN_IF_ERROR(connection_->Recover(epoch, rung));
    lowest = Next(rung);
  }
}

template <typename Call>
auto CryptokiHsm::WithSession(Call call) -> decltype(call(std::declval<SessionPool::Lease&>())) {
  return Climb([&]() -> decltype(call(std::declval<SessionPool::Lease&>())) {
    ASSIGN_OR_RETURN(SessionPool::Lease lease, connection_->Borrow());
    auto result = call(lease);
    if (!result.ok()) lease.Discard();
    return result;
  });
}

template <typename Call>
auto CryptokiHsm::WithKey(std::string_view label, Call call)
    -> decltype(call(std::declval<SessionPool::Lease&>(), std::declval<const KeyObjects&>())) {
  using Result =
      decltype(call(std::declval<SessionPool::Lease&>(), std::declval<const KeyObjects&>()));
  return Climb([&]() -> Result {
    for (;;) {
      ASSIGN_OR_RETURN(const FoundKey key, LookUp(label));
      ASSIGN_OR_RETURN(SessionPool::Lease lease, connection_->Borrow());
      if (lease.epoch() != key.epoch) continue;
      Result result = call(lease, key.objects);
      if (!result.ok()) {
        lease.Discard();
        if (RecoveryOf(StatusOf(result)) != Recovery::kFatal) cache_.Expire(label);
      }
      return result;
    }
  });
}

absl::StatusOr<CryptokiHsm::Objects> CryptokiHsm::LockObjects(absl::Duration wait) {
  Objects lock(objects_, std::defer_lock);
  if (!lock.try_lock_for(absl::ToChronoNanoseconds(wait))) {
    return Error(Reason::kHsmUnavailable, "the token is busy with other keys");
  }
  return lock;
}

absl::StatusOr<CryptokiHsm::FoundKey> CryptokiHsm::LookUp(std::string_view label) {
  const std::uint64_t epoch = connection_->epoch();
  if (const auto cached = cache_.Get(label, epoch)) return FoundKey{*cached, epoch};

  ASSIGN_OR_RETURN(const Objects lock, LockObjects(look_up_wait_));
  ASSIGN_OR_RETURN(SessionPool::Lease lease, connection_->Borrow());
  absl::StatusOr<std::optional<KeyObjects>> found = FindKey(*lease, label);
  if (!found.ok()) {
    lease.Discard();
    return std::move(found).status();
  }
  const std::uint64_t initialization = connection_->initializations();
  if (*found) {
    cache_.Put(label, **found, {lease.epoch(), initialization});
    return FoundKey{**found, lease.epoch()};
  }
  RETURN_IF_ERROR(ConfirmAbsent(lease, label));
  return Error(Reason::kKeyNotFound, "no such key on the token");
}

absl::Status CryptokiHsm::ConfirmAbsent(SessionPool::Lease& lease, std::string_view label) {
  RETURN_IF_ERROR(lease.token().CheckPresent());
  if (!cache_.SeenIn(label, connection_->initializations())) return absl::OkStatus();
  return RecoverableBy(Recovery::kTokenAway,
                       Error(Reason::kHsmUnavailable, "a key of the token has vanished"));
}

absl::Status CryptokiHsm::MakeOnce(SessionPool::Lease& lease, const HsmKey& key,
                                   Extraction extraction, bool& made) {
  ASSIGN_OR_RETURN(std::optional<KeyObjects> found, FindKey(*lease, key.label));
  // After a recovery the key may be there although the answer to C_GenerateKey got lost.
  if (found && !made) return Error(Reason::kKeyExists, "the label is taken");
  if (!found) {
    RETURN_IF_ERROR(ConfirmAbsent(lease, key.label));
    made = true;
    RETURN_IF_ERROR(GenerateKey(*lease, key.label, key.kind, restriction_, extraction));
    ASSIGN_OR_RETURN(found, FindKey(*lease, key.label));
  }
  if (!found || found->kind != key.kind) {
    return Error(Reason::kHsmFailure, "the token does not find the key that it made");
  }
  return ProveKey(*lease, *found, restriction_, extraction);
}

template <typename Once>
absl::Status CryptokiHsm::MakeBy(std::string_view label, Once once) {
  ASSIGN_OR_RETURN(const Objects lock, LockObjects(kMakingWait));
  bool made = false;
  absl::Status status = WithSession([&](SessionPool::Lease& lease) { return once(lease, made); });
  if (status.ok()) status = MakeDurable(token_directory_);
  if (status.ok() || !made) return status;
  // A key that was not acknowledged must not be used; if this fails too, the label stays taken.
  absl::Status removed =
      WithSession([&](SessionPool::Lease& lease) { return DestroyKey(*lease, label); }).status();
  if (removed.ok()) removed = MakeDurable(token_directory_);
  return removed.ok() ? status : MayBeLeft(status);
}

absl::Status CryptokiHsm::Make(const HsmKey& key, Extraction extraction) {
  if (!capabilities().Supports(key.kind)) {
    return Error(Reason::kAlgorithmUnsupported, "the token cannot make keys of this kind");
  }
  return MakeBy(key.label, [&](SessionPool::Lease& lease, bool& made) {
    return MakeOnce(lease, key, extraction, made);
  });
}

absl::Status CryptokiHsm::ImportOnce(SessionPool::Lease& lease, const HsmKey& key,
                                     std::string_view unwrapping, const WrappedSecret& secret,
                                     bool& made) {
  ASSIGN_OR_RETURN(std::optional<KeyObjects> found, FindKey(*lease, key.label));
  if (found && !made) return Error(Reason::kKeyExists, "the label is taken");
  if (!found) {
    RETURN_IF_ERROR(ConfirmAbsent(lease, key.label));
    ASSIGN_OR_RETURN(const std::optional<KeyObjects> pair, FindKey(*lease, unwrapping));
    if (!pair) {
      RETURN_IF_ERROR(ConfirmAbsent(lease, unwrapping));
      return Error(Reason::kKeyNotFound, "no such key on the token");
    }
    if (!Unwraps(pair->kind)) return NotForThisKind();
    made = true;
    const auto unwrap = [&] {
      return UnwrapSecret(*lease, pair->secret, pair->kind, secret, key.label, key.kind,
                          restriction_);
    };
    absl::Status status = unwrap();
    if (MayBeOfToken(status)) {
      // Is it the token or the blob? A token that opens what it wrapped, and again not this one, is
      // well, by whatever name it calls that.
      RETURN_IF_ERROR(lease.Renew());
      RETURN_IF_ERROR(ProveUnwrapping(*lease, pair->secret, pair->public_half));
      ASSIGN_OR_RETURN(found, FindKey(*lease, key.label));
      status = found ? absl::OkStatus() : unwrap();
      if (MayBeOfToken(status)) return WrappedSecretInvalid();
    }
    RETURN_IF_ERROR(status);
    ASSIGN_OR_RETURN(found, FindKey(*lease, key.label));
  }
  if (!found || found->kind != key.kind) {
    return Error(Reason::kHsmFailure, "the token does not find the key that it unwrapped");
  }
  return ProveImported(*lease, *found, restriction_);
}

absl::Status CryptokiHsm::Import(std::string_view label, KeyKind kind, std::string_view unwrapping,
                                 const WrappedSecret& secret) {
  if (!capabilities().imports || !IsImported(kind)) {
    return Error(Reason::kAlgorithmUnsupported, "the token cannot take in keys of this kind");
  }
  const HsmKey key{std::string(label), kind};
  return MakeBy(label, [&](SessionPool::Lease& lease, bool& made) {
    return ImportOnce(lease, key, unwrapping, secret, made);
  });
}

absl::Status CryptokiHsm::GenerateShared(std::string_view label, KeyKind kind) {
  if (!capabilities().delivers || IsPair(kind)) {
    return Error(Reason::kAlgorithmUnsupported, "the token cannot hand over keys of this kind");
  }
  return Make({std::string(label), kind}, Extraction::kOnce);
}

absl::Status CryptokiHsm::DeliverOnce(SessionPool::Lease& lease, std::string_view label,
                                      const crypto::RsaNumbers& recipient,
                                      std::optional<WrappedKey>& wrapped) {
  ASSIGN_OR_RETURN(const std::optional<KeyObjects> key, FindKey(*lease, label));
  if (!key.has_value()) {
    RETURN_IF_ERROR(ConfirmAbsent(lease, label));
    return Error(Reason::kKeyNotFound, "no such key on the token");
  }
  const absl::Status extractable = CheckExtractable(*lease, *key);
  // It is this call that ended it, and the answer of the token got lost.
  if (ReasonOf(extractable) == Reason::kKeyDelivered && wrapped.has_value()) {
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(extractable);
  ASSIGN_OR_RETURN(wrapped, WrapOaep(*lease, key->secret, recipient));
  return EndExtraction(*lease, *key);
}

absl::StatusOr<WrappedKey> CryptokiHsm::Deliver(std::string_view label,
                                                std::string_view recipient) {
  ASSIGN_OR_RETURN(const auto public_key, crypto::PublicKey::FromSpki(recipient));
  ASSIGN_OR_RETURN(const crypto::RsaNumbers numbers, public_key->Rsa());
  ASSIGN_OR_RETURN(const Objects lock, LockObjects(kMakingWait));
  std::optional<WrappedKey> wrapped;
  RETURN_IF_ERROR(WithSession(
      [&](SessionPool::Lease& lease) { return DeliverOnce(lease, label, numbers, wrapped); }));
  RETURN_IF_ERROR(MakeDurable(token_directory_));
  return *std::move(wrapped);
}

absl::Status CryptokiHsm::Destroy(std::string_view label) {
  ASSIGN_OR_RETURN(const Objects lock, LockObjects(kMakingWait));
  bool tried = false;
  const absl::Status status = WithSession([&](SessionPool::Lease& lease) -> absl::Status {
    absl::StatusOr<std::size_t> objects = DestroyKey(*lease, label);
    // When the answer of the first try got lost, the second finds nothing: that is success too.
    const bool first = !std::exchange(tried, true);
    if (!objects.ok()) return std::move(objects).status();
    if (*objects > 0) return absl::OkStatus();
    RETURN_IF_ERROR(ConfirmAbsent(lease, label));
    return first ? Error(Reason::kKeyNotFound, "no such key on the token") : absl::OkStatus();
  });
  if (!status.ok()) return status;
  cache_.Erase(label);
  return MakeDurable(token_directory_);
}

absl::StatusOr<std::vector<HsmKey>> CryptokiHsm::List() {
  ASSIGN_OR_RETURN(const Objects lock, LockObjects(look_up_wait_));
  return WithSession([&](SessionPool::Lease& lease) -> absl::StatusOr<std::vector<HsmKey>> {
    ASSIGN_OR_RETURN(std::vector<HsmKey> keys, ListKeys(*lease));
    const auto listed = [&](const std::string& label) {
      return std::any_of(keys.begin(), keys.end(),
                         [&](const HsmKey& key) { return key.label == label; });
    };
    RETURN_IF_ERROR(lease.token().CheckPresent());
    for (const std::string& label : cache_.Labels()) {
      if (!listed(label)) RETURN_IF_ERROR(ConfirmAbsent(lease, label));
    }
    return keys;
  });
}

absl::StatusOr<std::string> CryptokiHsm::PublicKey(std::string_view label) {
  return WithKey(label, [](SessionPool::Lease& lease, const KeyObjects& key) {
    return ReadSpki(*lease, key);
  });
}

absl::StatusOr<std::string> CryptokiHsm::Sign(std::string_view label, Mechanism mechanism,
                                              std::string_view message) {
  return WithKey(
      label, [&](SessionPool::Lease& lease, const KeyObjects& key) -> absl::StatusOr<std::string> {
        if (!Allows(key.kind, mechanism)) return NotForThisKind();
        return lease->Sign(key.secret, SigningMechanism(mechanism),
                           SigningInput(mechanism, message));
      });
}

absl::StatusOr<std::string> CryptokiHsm::SignDigest(std::string_view label, Mechanism mechanism,
                                                    std::string_view digest) {
  RETURN_IF_ERROR(CheckDigest(mechanism, digest));
  return WithKey(
      label, [&](SessionPool::Lease& lease, const KeyObjects& key) -> absl::StatusOr<std::string> {
        if (!Allows(key.kind, mechanism)) return NotForThisKind();
        return lease->Sign(key.secret, SigningMechanism(mechanism),
                           DigestSigningInput(mechanism, digest));
      });
}

absl::StatusOr<std::string> CryptokiHsm::Wrap(std::string_view label, crypto::ByteView secret,
                                              std::string_view aad) {
  return WithKey(
      label, [&](SessionPool::Lease& lease, const KeyObjects& key) -> absl::StatusOr<std::string> {
        if (key.kind != KeyKind::kAes256Wrapping) return NotForThisKind();
        return SealGcm(*lease, key.secret, secret, aad);
      });
}

absl::StatusOr<crypto::SecretBytes> CryptokiHsm::Unwrap(std::string_view label,
                                                        std::string_view wrapped,
                                                        std::string_view aad) {
  return WithKey(
      label,
      [&](SessionPool::Lease& lease, const KeyObjects& key) -> absl::StatusOr<crypto::SecretBytes> {
        if (key.kind != KeyKind::kAes256Wrapping) return NotForThisKind();
        auto opened = OpenGcm(*lease, key.secret, wrapped, aad);
        if (opened.ok() || RecoveryOf(opened.status()) != Recovery::kTokenAway) return opened;

        // Is it the token or the blob? A token that opens its own blob, and again not this one, is
        // well.
        RETURN_IF_ERROR(lease.Renew());
        RETURN_IF_ERROR(ProveGcm(*lease, key.secret));
        opened = OpenGcm(*lease, key.secret, wrapped, aad);
        if (opened.ok() || RecoveryOf(opened.status()) != Recovery::kTokenAway) return opened;
        return Error(Reason::kIntegrityFailure, "the wrapped blob does not authenticate");
      });
}

absl::Status CryptokiHsm::Probe(std::string_view label) {
  return Sign(label, Mechanism::kHmacSha256, kProbeMessage).status();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Hsm>> OpenToken(const TokenOptions& options) {
  if (options.token_label.empty() || options.pin_file.empty() || options.pin_marker_file.empty()) {
    return Error(Reason::kConfigInvalid, "a token needs a label, a PIN file and a marker file");
  }
  ASSIGN_OR_RETURN(std::unique_ptr<Connection> connection, Connection::Open(options));
  return std::make_unique<CryptokiHsm>(std::move(connection), options);
}

}  // namespace keysvc::pkcs11
