#ifndef KEYSVC_PKCS11_RETURN_CODE_H_
#define KEYSVC_PKCS11_RETURN_CODE_H_

#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "pkcs11/cryptoki.h"
#include "status/reason.h"

namespace keysvc::pkcs11 {

// What can cure an error of the token.
enum class Recovery {
  kRetry,           // the token is busy: the same call may work a little later
  kDiscardSession,  // the session or the handle is spent: a new one may work
  kLoginLost,       // nobody is logged in any more
  kTokenAway,       // the token or its library is away
  kFatal,           // trying again cannot help
};

struct ReturnCode {
  CK_RV code;
  std::string_view name;
  Recovery recovery;
  Reason reason;
};

// The one list of what each CK_RV of PKCS#11 v2.40 means to keysvc, in order of code.
std::span<const ReturnCode> AllReturnCodes();

// A code that is in no list (vendors define their own) counts as kDiscardSession.
const ReturnCode& ReturnCodeOf(CK_RV code);

// OK for CKR_OK; otherwise an error such as "C_Sign: CKR_DEVICE_ERROR" that remembers its Recovery.
absl::Status ToStatus(CK_RV code, std::string_view function);

// Lets an error that came without a return code be recovered from.
absl::Status RecoverableBy(Recovery recovery, absl::Status status);

// kFatal for errors that carry none.
Recovery RecoveryOf(const absl::Status& status);

}  // namespace keysvc::pkcs11

#endif  // KEYSVC_PKCS11_RETURN_CODE_H_
