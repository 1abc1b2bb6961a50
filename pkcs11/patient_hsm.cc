#include "pkcs11/patient_hsm.h"

#include <utility>

#include "crypto/secret_access.h"
#include "status/macros.h"

namespace keysvc::pkcs11 {
namespace {

// The largest RSA key takes some tokens half a minute.
constexpr int kMakingTakesLonger = 12;

}  // namespace

class PatientHsm::InPlace final : public Hsm {
 public:
  explicit InPlace(PatientHsm& patient) : patient_(patient) {}

  const Capabilities& capabilities() const override { return patient_.capabilities(); }
  absl::Status Generate(std::string_view label, KeyKind kind) override {
    return patient_.Generate(label, kind);
  }
  absl::Status GenerateShared(std::string_view label, KeyKind kind) override {
    return patient_.GenerateShared(label, kind);
  }
  absl::StatusOr<WrappedKey> Deliver(std::string_view label, std::string_view recipient) override {
    return patient_.Deliver(label, recipient);
  }
  absl::Status Import(std::string_view label, KeyKind kind, std::string_view unwrapping,
                      const WrappedSecret& secret) override {
    return patient_.Import(label, kind, unwrapping, secret);
  }
  absl::Status Destroy(std::string_view label) override { return patient_.Destroy(label); }
  absl::StatusOr<std::vector<HsmKey>> List() override { return patient_.List(); }
  absl::StatusOr<std::string> PublicKey(std::string_view label) override {
    return patient_.PublicKey(label);
  }
  absl::StatusOr<std::string> Sign(std::string_view label, Mechanism mechanism,
                                   std::string_view message) override {
    if (patient_.threads_->silent()) return patient_.Sign(label, mechanism, message);
    return patient_.hsm_->Sign(label, mechanism, message);
  }
  absl::StatusOr<std::string> SignDigest(std::string_view label, Mechanism mechanism,
                                         std::string_view digest) override {
    if (patient_.threads_->silent()) return patient_.SignDigest(label, mechanism, digest);
    return patient_.hsm_->SignDigest(label, mechanism, digest);
  }
  absl::StatusOr<std::string> Wrap(std::string_view label, crypto::ByteView secret,
                                   std::string_view aad) override {
    return patient_.Wrap(label, secret, aad);
  }
  absl::StatusOr<crypto::SecretBytes> Unwrap(std::string_view label, std::string_view wrapped,
                                             std::string_view aad) override {
    return patient_.Unwrap(label, wrapped, aad);
  }
  absl::Status Probe(std::string_view label) override { return patient_.Probe(label); }

 private:
  PatientHsm& patient_;
};

PatientHsm::PatientHsm(std::shared_ptr<Hsm> hsm, std::unique_ptr<CallThreads> threads,
                       absl::Duration within)
    : hsm_(std::move(hsm)),
      within_(within),
      in_place_(std::make_unique<InPlace>(*this)),
      threads_(std::move(threads)) {}

PatientHsm::~PatientHsm() = default;

absl::Status PatientHsm::Generate(std::string_view label, KeyKind kind) {
  return threads_->Run<absl::Status>(
      [hsm = hsm_, label = std::string(label), kind] { return hsm->Generate(label, kind); },
      kMakingTakesLonger * within_);
}

absl::Status PatientHsm::GenerateShared(std::string_view label, KeyKind kind) {
  return threads_->Run<absl::Status>(
      [hsm = hsm_, label = std::string(label), kind] { return hsm->GenerateShared(label, kind); },
      kMakingTakesLonger * within_);
}

absl::StatusOr<WrappedKey> PatientHsm::Deliver(std::string_view label, std::string_view recipient) {
  return threads_->Run<absl::StatusOr<WrappedKey>>(
      [hsm = hsm_, label = std::string(label), recipient = std::string(recipient)] {
        return hsm->Deliver(label, recipient);
      },
      kMakingTakesLonger * within_);
}

absl::Status PatientHsm::Import(std::string_view label, KeyKind kind, std::string_view unwrapping,
                                const WrappedSecret& secret) {
  return threads_->Run<absl::Status>(
      [hsm = hsm_, label = std::string(label), kind, unwrapping = std::string(unwrapping), secret] {
        return hsm->Import(label, kind, unwrapping, secret);
      },
      kMakingTakesLonger * within_);
}

absl::Status PatientHsm::Destroy(std::string_view label) {
  return threads_->Run<absl::Status>(
      [hsm = hsm_, label = std::string(label)] { return hsm->Destroy(label); },
      kMakingTakesLonger * within_);
}

absl::StatusOr<std::vector<HsmKey>> PatientHsm::List() {
  return threads_->Run<absl::StatusOr<std::vector<HsmKey>>>([hsm = hsm_] { return hsm->List(); },
                                                            within_);
}

absl::StatusOr<std::string> PatientHsm::PublicKey(std::string_view label) {
  return threads_->Run<absl::StatusOr<std::string>>(
      [hsm = hsm_, label = std::string(label)] { return hsm->PublicKey(label); }, within_);
}

absl::StatusOr<std::string> PatientHsm::Sign(std::string_view label, Mechanism mechanism,
                                             std::string_view message) {
  return threads_->Run<absl::StatusOr<std::string>>(
      [hsm = hsm_, label = std::string(label), mechanism, message = std::string(message)] {
        return hsm->Sign(label, mechanism, message);
      },
      within_);
}

absl::StatusOr<std::string> PatientHsm::SignDigest(std::string_view label, Mechanism mechanism,
                                                   std::string_view digest) {
  return threads_->Run<absl::StatusOr<std::string>>(
      [hsm = hsm_, label = std::string(label), mechanism, digest = std::string(digest)] {
        return hsm->SignDigest(label, mechanism, digest);
      },
      within_);
}

absl::StatusOr<std::string> PatientHsm::Wrap(std::string_view label, crypto::ByteView secret,
                                             std::string_view aad) {
  // The caller's secret may be wiped while the call hangs.
  ASSIGN_OR_RETURN(crypto::SecretBytes own, crypto::SecretBytes::CopyOf(secret));
  return threads_->Run<absl::StatusOr<std::string>>(
      [hsm = hsm_, label = std::string(label), own = std::move(own), aad = std::string(aad)] {
        return hsm->Wrap(label, own.Expose(crypto::SecretAccess::kGranted), aad);
      },
      within_);
}

absl::StatusOr<crypto::SecretBytes> PatientHsm::Unwrap(std::string_view label,
                                                       std::string_view wrapped,
                                                       std::string_view aad) {
  return threads_->Run<absl::StatusOr<crypto::SecretBytes>>(
      [hsm = hsm_, label = std::string(label), wrapped = std::string(wrapped),
       aad = std::string(aad)] { return hsm->Unwrap(label, wrapped, aad); },
      within_);
}

absl::Status PatientHsm::Probe(std::string_view label) {
  return threads_->Run<absl::Status>(
      [hsm = hsm_, label = std::string(label)] { return hsm->Probe(label); }, within_);
}

}  // namespace keysvc::pkcs11
