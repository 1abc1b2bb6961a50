#ifndef KEYSVC_PKCS11_MODULE_H_
#define KEYSVC_PKCS11_MODULE_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pkcs11/cryptoki.h"

namespace keysvc::pkcs11 {

// A vendor's PKCS#11 library in this process. It is never unloaded, since several of them crash
// then; C_Finalize is always called. functions() is thread-safe, the rest is not.
class Module {
 public:
  // INVALID_ARGUMENT/CONFIG_INVALID when `path` is no PKCS#11 library. `arguments` is what the
  // library wants to be told at C_Initialize, in a form of its own; most want nothing.
  static absl::StatusOr<std::unique_ptr<Module>> Load(const std::string& path,
                                                      std::string arguments = {});
  ~Module();
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  // C_Initialize with the system's own locks. Fails when the process already uses this library.
  absl::Status Initialize();
  void Finalize();

  const CK_FUNCTION_LIST& functions() const { return *functions_; }

 private:
  Module(const CK_FUNCTION_LIST* functions, std::string arguments)
      : functions_(functions), arguments_(std::move(arguments)) {}

  const CK_FUNCTION_LIST* functions_;
  std::string arguments_;
  bool initialized_ = false;
};

}  // namespace keysvc::pkcs11

#endif  // KEYSVC_PKCS11_MODULE_H_
