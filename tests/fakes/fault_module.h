// A PKCS#11 library that forwards all 68 functions to a real one and lets calls fail where it is
// told to. It is told by a test that links it, and so shares its state with what OpenToken() loads
// from the same file; or from outside, by three variables of the environment:
//
//   KEYSVC_FAULT_REAL_MODULE  the real library; SoftHSM2 when it is not set
//   KEYSVC_FAULT_RULES        a file of rules (fault_plan.h), read again whenever it changes, so
//   that
//                             faults come and go while a service runs; no file is no fault. Replace
//                             it by renaming; a file that is not understood ends the process
//   KEYSVC_FAULT_TRACE        a file that gets the name of every function called, one per line, and
//                             never anything of what it was called with
#ifndef KEYSVC_TESTS_FAKES_FAULT_MODULE_H_
#define KEYSVC_TESTS_FAKES_FAULT_MODULE_H_

#include <cstddef>
#include <functional>
#include <string_view>

#include "pkcs11/cryptoki.h"

namespace keysvc::testing::fault_module {

// All functions are thread-safe; names are those of PKCS#11, such as "C_Sign".

// The next `times` calls give `code` and do nothing.
void Fail(std::string_view function, CK_RV code, std::size_t times);
// The next call does its work and gives `code` all the same.
void LoseAnswer(std::string_view function, CK_RV code);
// Runs before every call of `function`.
void Before(std::string_view function, std::function<void()> hook);
// Flags that C_GetTokenInfo adds to those of the token.
void AddTokenFlags(CK_FLAGS flags);
// How often `function` has been called since Reset().
std::size_t Calls(std::string_view function);
// Forgets all of the above; what the environment says stays.
void Reset();

}  // namespace keysvc::testing::fault_module

#endif  // KEYSVC_TESTS_FAKES_FAULT_MODULE_H_
