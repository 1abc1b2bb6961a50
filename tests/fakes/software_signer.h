#ifndef KEYSVC_TESTS_FAKES_SOFTWARE_SIGNER_H_
#define KEYSVC_TESTS_FAKES_SOFTWARE_SIGNER_H_

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "audit/checkpoint.h"

namespace keysvc::testing {

// Signs checkpoints with a key in memory, and fails or garbles on demand. Thread-safe.
class SoftwareSigner : public audit::CheckpointSigner {
 public:
  // The Ed25519 key of RFC 8032 section 7.1, test 1.
  static std::unique_ptr<SoftwareSigner> Ed25519();
  // A new P-256 key.
  static std::unique_ptr<SoftwareSigner> P256();
  ~SoftwareSigner() override;

  absl::StatusOr<std::string> Sign(std::string_view text) override;
  const std::string& public_key() const override { return spki_; }

  enum class Fault { kNone, kUnavailable, kWrongSignature };
  // From now on; kNone ends it.
  void Set(Fault fault);
  // Blocks until Sign has been called `count` times in all.
  void AwaitCalls(int count);

 private:
  struct Key;
  explicit SoftwareSigner(std::unique_ptr<Key> key);

  std::unique_ptr<Key> key_;
  std::string spki_;
  std::mutex mutex_;
  std::condition_variable called_;
  int calls_ = 0;
  Fault fault_ = Fault::kNone;
};

}  // namespace keysvc::testing

#endif  // KEYSVC_TESTS_FAKES_SOFTWARE_SIGNER_H_
