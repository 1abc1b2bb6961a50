#ifndef KEYSVC_PKCS11_PATIENT_HSM_H_
#define KEYSVC_PKCS11_PATIENT_HSM_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "crypto/bytes.h"
#include "crypto/secret_bytes.h"
#include "pkcs11/call_threads.h"
#include "pkcs11/hsm.h"

namespace keysvc::pkcs11 {

// An Hsm whose callers wait only so long. Every call is made by a thread that may be lost, and
// given up (UNAVAILABLE/HSM_UNAVAILABLE) when it has not come back in time; what it still does to
// the token is unknown then, as with any lost answer. Thread-safe.
class PatientHsm final : public Hsm {
 public:
  // `within`: how long a call may take, and twelve times that where keys are made or destroyed.
  PatientHsm(std::shared_ptr<Hsm> hsm, std::unique_ptr<CallThreads> threads, absl::Duration within);
  ~PatientHsm() override;

  // The same token for threads that may be lost themselves, since handing a signature over to
  // another thread costs as much as making it. Sign runs on the caller's thread and hangs as long
  // as the token does; once the token is known not to answer it is as patient as all others. Lives
  // as long as this object.
  Hsm& in_place() { return *in_place_; }

  const Capabilities& capabilities() const override { return hsm_->capabilities(); }
  absl::Status Generate(std::string_view label, KeyKind kind) override;
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
  class InPlace;

  // Shared with the calls under way: one that hangs keeps it.
  const std::shared_ptr<Hsm> hsm_;
  const absl::Duration within_;
  const std::unique_ptr<Hsm> in_place_;
  const std::unique_ptr<CallThreads> threads_;  // goes first
};

}  // namespace keysvc::pkcs11

#endif  // KEYSVC_PKCS11_PATIENT_HSM_H_
