#ifndef KEYSVC_BENCH_SIGNING_CEILING_H_
#define KEYSVC_BENCH_SIGNING_CEILING_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "pkcs11/cryptoki_hsm.h"
#include "pkcs11/module.h"
#include "pkcs11/pin_file.h"
#include "pkcs11/token.h"

namespace keysvc::bench {

// C_SignInit and C_Sign with nothing around them, by as many sessions and threads as the service
// has. One thread's.
class SigningCeiling {
 public:
  static absl::StatusOr<std::unique_ptr<SigningCeiling>> Open(const pkcs11::TokenOptions& options);

  // Signatures a second with the key `label` over `time`.
  absl::StatusOr<double> Measure(const std::string& label, pkcs11::Mechanism mechanism,
                                 absl::Duration time);

 private:
  explicit SigningCeiling(const pkcs11::TokenOptions& options)
      : sessions_(options.sessions), pin_file_(options.pin_file, options.pin_marker_file) {}

  const std::size_t sessions_;
  pkcs11::PinFile pin_file_;
  std::unique_ptr<pkcs11::Module> module_;
  std::unique_ptr<pkcs11::Token> token_;
};

}  // namespace keysvc::bench

#endif  // KEYSVC_BENCH_SIGNING_CEILING_H_
