#ifndef KEYSVC_TESTS_FAKES_FAKE_HSM_H_
#define KEYSVC_TESTS_FAKES_FAKE_HSM_H_

#include <array>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pkcs11/hsm.h"

namespace keysvc::testing {

// The verbs of pkcs11::Hsm, to name where a fault strikes.
enum class HsmVerb {
  kGenerate,
  kDestroy,
  kList,
  kPublicKey,
  kSign,
  kWrap,
  kUnwrap,
  kProbe,
  kDeliver,
  kImport
};

// An HSM in memory with real cryptography: signatures verify, wrapped blobs authenticate. Keys live
// as long as the object, so a test restarts what stands on it and keeps the HSM. Thread-safe.
class FakeHsm final : public pkcs11::Hsm {
 public:
  FakeHsm();
  ~FakeHsm() override;

  // The next call of `verb` fails with `status` and does nothing. Calls add up, first in first out.
  void FailNext(HsmVerb verb, absl::Status status);
  // Every call of `verb` fails with `status` until Heal().
  void FailAlways(HsmVerb verb, absl::Status status);
  // Every call of every verb fails with `status` until Heal(): the token is away.
  void FailEverything(absl::Status status);
  // The next Generate makes the key, and its caller gets `status`.
  void LoseNextGenerateAnswer(absl::Status status);
  // Runs before every call of `verb`, outside the lock: a place to block it.
  void BeforeEach(HsmVerb verb, std::function<void()> hook);
  // Takes all faults and hooks back.
  void Heal();

  // How many calls of `verb` have been made, those that failed included.
  std::size_t calls(HsmVerb verb) const;

  // From now on the token cannot wrap keys for others, or not unwrap theirs. Not thread-safe.
  void DeliverNothing() { capabilities_.delivers = false; }
  void ImportNothing() { capabilities_.imports = false; }
  // What the token claims to support; every kind unless this is called. Not thread-safe.
  void SupportOnly(std::vector<pkcs11::KeyKind> kinds);

  const pkcs11::Capabilities& capabilities() const override { return capabilities_; }
  absl::Status Generate(std::string_view label, pkcs11::KeyKind kind) override;
  // Fails as kGenerate does.
  absl::Status GenerateShared(std::string_view label, pkcs11::KeyKind kind) override;
  absl::StatusOr<pkcs11::WrappedKey> Deliver(std::string_view label,
                                             std::string_view recipient) override;
  // What LoseNextGenerateAnswer says of Generate goes for this too.
  absl::Status Import(std::string_view label, pkcs11::KeyKind kind, std::string_view unwrapping,
                      const pkcs11::WrappedSecret& secret) override;
  absl::Status Destroy(std::string_view label) override;
  absl::StatusOr<std::vector<pkcs11::HsmKey>> List() override;
  absl::StatusOr<std::string> PublicKey(std::string_view label) override;
  absl::StatusOr<std::string> Sign(std::string_view label, pkcs11::Mechanism mechanism,
                                   std::string_view message) override;
  // Counts and fails as kSign does.
  absl::StatusOr<std::string> SignDigest(std::string_view label, pkcs11::Mechanism mechanism,
                                         std::string_view digest) override;
  absl::StatusOr<std::string> Wrap(std::string_view label, crypto::ByteView secret,
                                   std::string_view aad) override;
  absl::StatusOr<crypto::SecretBytes> Unwrap(std::string_view label, std::string_view wrapped,
                                             std::string_view aad) override;
  absl::Status Probe(std::string_view label) override;

 private:
  struct Key;
  struct Faults {
    std::size_t calls = 0;
    std::deque<absl::Status> next;
    absl::Status always;
    std::function<void()> before;
  };

  Faults& FaultsOf(HsmVerb verb) { return faults_.at(static_cast<std::size_t>(verb)); }
  absl::Status Enter(HsmVerb verb);
  absl::Status Make(std::string_view label, pkcs11::KeyKind kind, bool extractable);
  absl::StatusOr<std::shared_ptr<const Key>> Find(std::string_view label) const;
  absl::StatusOr<std::shared_ptr<const Key>> FindFor(std::string_view label,
                                                     pkcs11::KeyKind kind) const;

  mutable std::mutex mutex_;
  pkcs11::Capabilities capabilities_;
  std::map<std::string, std::shared_ptr<const Key>, std::less<>> keys_;
  std::array<Faults, 10> faults_;
  std::set<std::string, std::less<>> extractable_;  // labels
  absl::Status lost_answer_;
};

}  // namespace keysvc::testing

#endif  // KEYSVC_TESTS_FAKES_FAKE_HSM_H_
