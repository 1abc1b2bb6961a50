#ifndef KEYSVC_PKCS11_CRYPTOKI_HSM_H_
#define KEYSVC_PKCS11_CRYPTOKI_HSM_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "pkcs11/hsm.h"

namespace keysvc::pkcs11 {

struct TokenOptions {
  std::string module_path;       // the vendor's PKCS#11 library
  std::string module_arguments;  // told to it at C_Initialize (as pReserved); nothing when empty
  std::string token_label;       // slots are found by label, never by number
  std::string pin_file;  // holds the user PIN and nothing else; a systemd credential is such a file
  std::string
      pin_marker_file;  // written when a PIN was refused; while it names the same PIN, no log-in
  std::string token_directory;  // where the library keeps the token, made durable after changes;
                                // empty when unknown (then the whole system is synced)
  bool restrict_mechanisms = true;  // keys get CKA_ALLOWED_MECHANISMS; false for a library that
                                    // cannot keep it with a key
  std::size_t sessions = 8;         // how many calls are made at once, each in a session of its own
  std::size_t spare_sessions = 0;   // how many more may be open, for calls that hang
  absl::Duration session_wait = absl::Seconds(2);  // how long a caller waits for one
  // How often one more is tried while the token gives fewer.
  absl::Duration session_regrow = absl::Seconds(5);
  // How long a look-up waits for keys that are being made. Shorter than a caller's patience, so
  // that a token that works on a large key is not taken for one that does not answer.
  absl::Duration look_up_wait = absl::Seconds(3);
  absl::Duration reinitialize_interval =
      absl::Seconds(30);  // C_Finalize and C_Initialize at most once in this time
};

// Hsm over a real PKCS#11 module. A call that hangs in the library hangs for its caller
// (patient_hsm.h), and meanwhile the log-in cannot be renewed. One object per process and module:
// C_Initialize .. C_Finalize.
//   UNAVAILABLE/TOKEN_MISSING        no slot holds the token
//   FAILED_PRECONDITION/PIN_REFUSED  the PIN is wrong, locked, or known to be wrong
//   INVALID_ARGUMENT/CONFIG_INVALID  the library or the PIN file cannot be used
absl::StatusOr<std::unique_ptr<Hsm>> OpenToken(const TokenOptions& options);

}  // namespace keysvc::pkcs11

#endif  // KEYSVC_PKCS11_CRYPTOKI_HSM_H_
