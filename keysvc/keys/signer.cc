#include "keysvc/keys/signer.h"

#include <utility>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/canonical.h"
#include "crypto/digest.h"
#include "keysvc/keys/call_record.h"
#include "keysvc/keys/kept_signature.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

constexpr std::size_t kMaxMessage = std::size_t{64} * 1024;
constexpr absl::Duration kKeepAnswers = absl::Hours(24);

absl::Status CheckMessage(std::string_view message) {
  if (message.empty()) return Error(Reason::kFieldRequired, "there is no message", "message");
  if (message.size() > kMaxMessage) {
    return Error(Reason::kMessageTooLarge, "a message is at most 64 KiB", "message");
  }
  return absl::OkStatus();
}

std::string FingerprintOf(const SignRequest& request, const tokenizer::RequestKeys& keys) {
  const std::string input = crypto::CanonicalWriter()
                                .Bytes("SigningService.Sign")
                                .U8(1)
                                .Bytes(request.key.ToString())
                                .Bytes(request.message)
                                .U8(static_cast<std::uint8_t>(request.encoding))
                                .U8(static_cast<std::uint8_t>(request.padding))
                                .Take();
  return std::string(crypto::AsText(keys.fingerprint->Compute(input)));
}

template <typename T>
void Complete(absl::StatusOr<audit::Receipt> receipt, absl::StatusOr<T> value,
              audit::Done<T>& done) {
  if (!receipt.ok()) return done(receipt.status());
  done(audit::Recorded<T>{*std::move(receipt), std::move(value)});
}

}  // namespace

// One Sign from its request to its answer; handed from the caller's thread to the journal's.
struct Signer::SignCall {
  SignRequest request;
  audit::Entry entry;
  audit::Done<Signature> done;
  // With a request id only.
  tokenizer::RequestKeys keys;
  std::string fingerprint;
};

Signer::Signer(KeyRegistry& registry, pkcs11::Hsm& hsm, audit::Journal& journal,
               store::Store& store, tokenizer::KeySource& keys, std::function<absl::Time()> clock)
    : registry_(registry),
      hsm_(hsm),
      journal_(journal),
      store_(store),
      keys_(keys),
      clock_(std::move(clock)) {}

void Signer::Sign(policy::Permit permit, SignRequest request, audit::Done<Signature> done) {
  auto call = std::make_shared<SignCall>();
  call->entry = EntryOf(permit, "SigningService.Sign", request.key.ToString(), request.request_id);
  call->entry.trace_id = request.trace_id;
  call->request = std::move(request);
  call->done = std::move(done);

  if (absl::Status status = Prepare(permit, *call); !status.ok()) {
    return Record(std::move(call), std::move(status));
  }
  auto earlier = FindEarlier(*call);
  if (!earlier.ok()) return Record(std::move(call), earlier.status());
  if (earlier->has_value()) return RecordRepetition(std::move(call), **std::move(earlier));
  auto signature = MakeSignature(call->request);
  if (!signature.ok()) return Record(std::move(call), signature.status());
  RecordFirst(std::move(call), *std::move(signature));
}

absl::Status Signer::Prepare(const policy::Permit& permit, SignCall& call) const {
  const SignRequest& request = call.request;
  RETURN_IF_ERROR(CheckPermit(permit, policy::Action::kSign, request.key.ToString()));
  RETURN_IF_ERROR(CheckMessage(request.message));
  if (request.request_id.empty()) return absl::OkStatus();
  // A tenant without keys has no request key either, and that is no loss of data.
  RETURN_IF_ERROR(registry_.Versions(request.key).status());
  ASSIGN_OR_RETURN(call.keys, keys_.RequestKeysOf(request.key.tenant));
  call.fingerprint = FingerprintOf(request, call.keys);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Signature>> Signer::FindEarlier(const SignCall& call) const {
  if (call.request.request_id.empty()) return std::nullopt;
  ASSIGN_OR_RETURN(const auto row,
                   store_.FindIdempotency(call.entry.actor, call.request.request_id,
                                          absl::ToUnixMillis(journal_.UnsteppedTime())));
  if (!row.has_value()) return std::nullopt;
  return OpenKeptSignature(*row, call.fingerprint, call.keys);
}

absl::StatusOr<Signature> Signer::MakeSignature(const SignRequest& request) const {
  ASSIGN_OR_RETURN(const KeyVersion version, registry_.PrimaryFor(request.key, Use::kApply));
  ASSIGN_OR_RETURN(const SignatureScheme scheme, SchemeOf(version.parameters, request.padding));
  ASSIGN_OR_RETURN(std::string raw,
                   hsm_.Sign(version.hsm_label, scheme.mechanism, request.message));
  ASSIGN_OR_RETURN(std::string bytes, EncodeSignature(scheme, request.encoding, std::move(raw)));
  return Signature{std::move(bytes), version.name, std::string(scheme.name)};
}

void Signer::RecordFirst(std::shared_ptr<SignCall> call, Signature signature) {
  audit::Entry entry = call->entry;
  entry.details["key_version"] = signature.key_version.ToString();
  entry.details["algorithm"] = signature.algorithm;
  store::Mutation mutation;
  if (!call->request.request_id.empty()) {
    auto kept = KeepSignature(signature, entry.actor, call->request.request_id, call->fingerprint,
                              clock_() + kKeepAnswers, call->keys);
    if (!kept.ok()) return Record(std::move(call), kept.status());
    mutation.idempotency = *std::move(kept);
  }
  journal_.Submit(std::move(entry), std::move(mutation),
                  [this, call = std::move(call), signature = std::move(signature)](
                      absl::StatusOr<audit::Receipt> receipt) mutable {
                    if (ReasonOf(receipt.status()) == Reason::kConflict) {
                      return RecordAfterRace(std::move(call));
                    }
                    Complete<Signature>(std::move(receipt), std::move(signature), call->done);
                  });
}

void Signer::RecordAfterRace(std::shared_ptr<SignCall> call) {
  auto earlier = FindEarlier(*call);
  if (!earlier.ok()) return Record(std::move(call), earlier.status());
  if (earlier->has_value()) return RecordRepetition(std::move(call), **std::move(earlier));
  // What won the race has expired since; a caller who asks again is served.
  Record(std::move(call), Error(Reason::kConflict, "the same request was being answered"));
}

void Signer::RecordRepetition(std::shared_ptr<SignCall> call, Signature signature) {
  call->entry.details["key_version"] = signature.key_version.ToString();
  call->entry.details["algorithm"] = signature.algorithm;
  call->entry.details["repetition"] = "true";
  Record(std::move(call), std::move(signature));
}

void Signer::Record(std::shared_ptr<SignCall> call, absl::StatusOr<Signature> signature) {
  audit::Entry entry = call->entry;
  if (!signature.ok()) entry = Failed(std::move(entry), signature.status());
  journal_.Submit(std::move(entry), {},
                  [call = std::move(call), signature = std::move(signature)](
                      absl::StatusOr<audit::Receipt> receipt) mutable {
                    Complete(std::move(receipt), std::move(signature), call->done);
                  });
}

void Signer::Verify(policy::Permit permit, VerifyRequest request, audit::Done<Verification> done) {
  audit::Entry entry =
      EntryOf(permit, "SigningService.Verify", request.key.ToString(), request.request_id);
  entry.trace_id = request.trace_id;
  absl::StatusOr<Verification> result = CheckSignature(permit, request);
  if (result.ok()) {
    entry.details["valid"] = result->valid ? "true" : "false";
    if (result->valid) entry.details["key_version"] = result->key_version.ToString();
  } else {
    entry = Failed(std::move(entry), result.status());
  }
  journal_.Submit(std::move(entry), {},
                  [result = std::move(result),
                   done = std::move(done)](absl::StatusOr<audit::Receipt> receipt) mutable {
                    Complete(std::move(receipt), std::move(result), done);
                  });
}

absl::StatusOr<Verification> Signer::CheckSignature(const policy::Permit& permit,
                                                    const VerifyRequest& request) {
  RETURN_IF_ERROR(CheckPermit(permit, policy::Action::kVerify, request.key.ToString()));
  RETURN_IF_ERROR(CheckMessage(request.message));
  std::vector<KeyVersion> candidates;
  if (request.version != 0) {
    ASSIGN_OR_RETURN(KeyVersion version,
                     registry_.VersionFor({request.key, request.version}, Use::kProcess));
    candidates.push_back(std::move(version));
  } else {
    ASSIGN_OR_RETURN(std::vector<KeyVersion> versions, registry_.Versions(request.key));
    for (auto version = versions.rbegin(); version != versions.rend(); ++version) {
      if (CheckUse(*version, Use::kProcess, clock_()).ok()) {
        candidates.push_back(std::move(*version));
      }
    }
    if (candidates.empty()) {
      return Error(Reason::kKeyNotActive, "no version of the key may verify");
    }
  }
  for (const KeyVersion& version : candidates) {
    ASSIGN_OR_RETURN(const bool valid, CheckWith(version, request));
    if (valid) return Verification{.valid = true, .key_version = version.name};
  }
  return Verification{.valid = false, .key_version = {}};
}

absl::StatusOr<bool> Signer::CheckWith(const KeyVersion& version, const VerifyRequest& request) {
  ASSIGN_OR_RETURN(const SignatureScheme scheme, SchemeOf(version.parameters, request.padding));
  if (!scheme.check.has_value()) {
    ASSIGN_OR_RETURN(const std::string tag,
                     hsm_.Sign(version.hsm_label, scheme.mechanism, request.message));
    return crypto::EqualInConstantTime(crypto::AsBytes(tag), crypto::AsBytes(request.signature));
  }
  const auto signature = DecodeSignature(scheme, request.encoding, request.signature);
  if (!signature.has_value()) return false;
  ASSIGN_OR_RETURN(const auto key, PublicKeyOf(version));
  return key->Verify(*scheme.check, request.message, *signature);
}

absl::StatusOr<std::shared_ptr<const crypto::PublicKey>> Signer::PublicKeyOf(
    const KeyVersion& version) {
  {
    const std::lock_guard lock(public_keys_mutex_);
    const auto known = public_keys_.find(version.name);
    if (known != public_keys_.end()) return known->second;
  }
  auto parsed = crypto::PublicKey::FromSpki(version.public_key);
  if (!parsed.ok()) return Error(Reason::kIntegrityFailure, "a stored public key is none");
  std::shared_ptr<const crypto::PublicKey> key = *std::move(parsed);
  const std::lock_guard lock(public_keys_mutex_);
  return public_keys_.emplace(version.name, std::move(key)).first->second;
}

}  // namespace keysvc::keys
