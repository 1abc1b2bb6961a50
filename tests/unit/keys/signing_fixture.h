// Signer and verifier over a world of keys.
#ifndef KEYSVC_TESTS_UNIT_KEYS_SIGNING_FIXTURE_H_
#define KEYSVC_TESTS_UNIT_KEYS_SIGNING_FIXTURE_H_

#include <cstddef>
#include <future>
#include <memory>
#include <string_view>
#include <utility>

#include "gtest/gtest.h"
#include "keysvc/keys/batch.h"
#include "keysvc/keys/nonce_places.h"
#include "keysvc/keys/opened_keys.h"
#include "keysvc/keys/public_keys.h"
#include "keysvc/keys/signer.h"
#include "keysvc/keys/verifier.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/keys/key_world.h"

namespace keysvc::keys {

class SigningTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(world_.Start());
    Open();
  }
  void TearDown() override { Close(); }

  void Open() {
    keys_ = std::make_unique<OpenedKeys>(world_.registry(), absl::Minutes(15), world_.since_boot());
    signer_ = std::make_unique<Signer>(world_.registry(), world_.hsm, world_.journal(),
                                       world_.store, *keys_, public_keys_, world_.clock());
    nonce_places_ = std::make_unique<NoncePlaces>(accepted_per_key_);
    for (const auto& [name, row] : world_.store.Snapshot().idempotency) {
      nonce_places_->CountStored(row.principal, row.expires_ms);
    }
    verifier_ = std::make_unique<Verifier>(world_.registry(), world_.hsm, world_.journal(),
                                           world_.store, *keys_, public_keys_,
                                           world_.partner_keys(), *nonce_places_, world_.clock());
  }
  void Close() {
    if (signer_ != nullptr) world_.journal().Stop();
    signer_.reset();
    verifier_.reset();
    keys_.reset();
  }

  absl::StatusOr<Signature> Sign(SignRequest request) {
    return SignAs(keysvc::testing::kCaller, std::move(request));
  }
  absl::StatusOr<Signature> SignAs(std::string_view who, SignRequest request) {
    auto permit = world_.PermitFor(request.format->action(), request.key.ToString(), who);
    return Await<Signature>(
        [&](auto done) { signer_->Sign(std::move(permit), std::move(request), std::move(done)); });
  }
  absl::StatusOr<Signatures> SignBatch(BatchSignRequest request, const InTurn& in_turn = OneByOne,
                                       std::string_view who = keysvc::testing::kCaller) {
    auto permit = world_.PermitFor(request.formats.front()->action(), request.key.ToString(), who);
    return Await<Signatures>([&](auto done) {
      signer_->SignBatch(std::move(permit), std::move(request), in_turn, std::move(done));
    });
  }
  absl::StatusOr<Verifications> VerifyBatch(BatchVerifyRequest request,
                                            const CheckTurns& turns = {}) {
    auto permit = world_.PermitFor(policy::Action::kVerify, ResourceOf(request.key));
    return Await<Verifications>([&](auto done) {
      verifier_->VerifyBatch(std::move(permit), std::move(request), turns, std::move(done));
    });
  }
  // Of a Presented... of the tests, or of what it becomes.
  template <typename Presented>
  absl::StatusOr<Verification> Verify(const Presented& presented) {
    return Verify(presented.ToRequest());
  }
  absl::StatusOr<Verification> Verify(const VerifyRequest& request) {
    auto permit = world_.PermitFor(policy::Action::kVerify, ResourceOf(request.key));
    return Await<Verification>(
        [&](auto done) { verifier_->Verify(std::move(permit), request, std::move(done)); });
  }
  template <typename T, typename Call>
  absl::StatusOr<T> Await(Call call) {
    std::promise<absl::StatusOr<T>> answer;
    call([&answer](absl::StatusOr<audit::Recorded<T>> recorded) {
      answer.set_value(recorded.ok() ? std::move(recorded->value)
                                     : absl::StatusOr<T>(recorded.status()));
    });
    return answer.get_future().get();
  }

  keysvc::testing::KeyWorld world_;
  std::unique_ptr<OpenedKeys> keys_;
  PublicKeys public_keys_;
  std::unique_ptr<Signer> signer_;
  std::size_t accepted_per_key_ = NoncePlaces::kPerKey;  // of the next Open
  std::unique_ptr<NoncePlaces> nonce_places_;
  std::unique_ptr<Verifier> verifier_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_TESTS_UNIT_KEYS_SIGNING_FIXTURE_H_
