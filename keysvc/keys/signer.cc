#include "keysvc/keys/signer.h"

#include <utility>

#include "crypto/bytes.h"
#include "keysvc/keys/call_record.h"
#include "keysvc/keys/kept_signature.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

constexpr absl::Duration kKeepAnswers = absl::Hours(24);

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
               store::Store& store, tokenizer::KeySource& keys, PublicKeys& public_keys,
               std::function<absl::Time()> clock)
    : registry_(registry),
      hsm_(hsm),
      journal_(journal),
      store_(store),
      keys_(keys),
      public_keys_(public_keys),
      clock_(std::move(clock)) {}

void Signer::Sign(policy::Permit permit, SignRequest request, audit::Done<Signature> done) {
  auto call = std::make_shared<SignCall>();
  call->entry =
      EntryOf(permit, request.format->method(), request.key.ToString(), request.request_id);
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
  RETURN_IF_ERROR(CheckPermit(permit, request.format->action(), request.key.ToString()));
  RETURN_IF_ERROR(request.format->Check());
  if (request.request_id.empty()) return absl::OkStatus();
  // A tenant without keys has no request key either, and that is no loss of data.
  RETURN_IF_ERROR(registry_.Versions(request.key).status());
  ASSIGN_OR_RETURN(call.keys, keys_.RequestKeysOf(request.key.tenant));
  call.fingerprint =
      crypto::AsText(call.keys.fingerprint->Compute(request.format->FingerprintInput(request.key)));
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Signature>> Signer::FindEarlier(const SignCall& call) const {
  if (call.request.request_id.empty()) return std::nullopt;
  ASSIGN_OR_RETURN(const auto row,
                   store_.FindIdempotency(call.entry.actor, call.request.request_id,
                                          absl::ToUnixMillis(journal_.UnsteppedTime())));
  if (!row.has_value()) return std::nullopt;
  ASSIGN_OR_RETURN(Signature kept, OpenKeptSignature(*row, call.fingerprint, call.keys));
  kept.bytes = call.request.format->FromKept(std::move(kept.bytes));
  return kept;
}

absl::StatusOr<Signature> Signer::MakeSignature(const SignRequest& request) const {
  ASSIGN_OR_RETURN(const KeyVersion version, registry_.PrimaryFor(request.key, Use::kApply));
  ASSIGN_OR_RETURN(const SignatureFormat::Draft draft,
                   request.format->DraftFor(version, public_keys_, clock_()));
  ASSIGN_OR_RETURN(std::string raw,
                   hsm_.Sign(version.hsm_label, draft.scheme.mechanism, draft.to_be_signed));
  ASSIGN_OR_RETURN(std::string bytes, draft.finish(std::move(raw)));
  return Signature{std::move(bytes), version.name, std::string(draft.scheme.name)};
}

void Signer::RecordFirst(std::shared_ptr<SignCall> call, Signature signature) {
  audit::Entry entry = call->entry;
  entry.details["key_version"] = signature.key_version.ToString();
  entry.details["algorithm"] = signature.algorithm;
  store::Mutation mutation;
  if (!call->request.request_id.empty()) {
    Signature to_keep = signature;
    to_keep.bytes = call->request.format->ToKept(std::move(to_keep.bytes));
    auto kept = KeepSignature(to_keep, entry.actor, call->request.request_id, call->fingerprint,
                              clock_() + kKeepAnswers, call->keys);
    if (!kept.ok()) return Record(std::move(call), kept.status());
    mutation.idempotency = *std::move(kept);
  }
  journal_.Submit(
      std::move(entry), std::move(mutation),
      [this, call = std::move(call),
       signature = std::move(signature)](absl::StatusOr<audit::Receipt> receipt) mutable {
        if (ReasonOf(receipt.status()) == Reason::kConflict) {
          return RecordAfterRace(std::move(call));
        }
        audit::Complete<Signature>(std::move(receipt), std::move(signature), call->done);
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
                    audit::Complete(std::move(receipt), std::move(signature), call->done);
                  });
}

}  // namespace keysvc::keys
