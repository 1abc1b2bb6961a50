#include "pkcs11/module.h"

#include <dlfcn.h>

#include "pkcs11/return_code.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::pkcs11 {

absl::StatusOr<std::unique_ptr<Module>> Module::Load(const std::string& path,
                                                     std::string arguments) {
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return Error(Reason::kConfigInvalid, "the PKCS#11 library cannot be loaded");
  }
  const auto get_functions =
      reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
  if (get_functions == nullptr) {
    return Error(Reason::kConfigInvalid, "the library has no C_GetFunctionList");
  }
  CK_FUNCTION_LIST_PTR functions = nullptr;
  RETURN_IF_ERROR(ToStatus(get_functions(&functions), "C_GetFunctionList"));
  return std::unique_ptr<Module>(new Module(functions, std::move(arguments)));
}

Module::~Module() { Finalize(); }

absl::Status Module::Initialize() {
  // NSS takes its parameters where PKCS#11 has a reserved field, and then expects one field more.
  struct {
    CK_C_INITIALIZE_ARGS standard;
    void* reserved;
  } arguments = {};
  arguments.standard.flags = CKF_OS_LOCKING_OK;
  if (!arguments_.empty()) arguments.standard.pReserved = arguments_.data();
  RETURN_IF_ERROR(ToStatus(functions_->C_Initialize(&arguments), "C_Initialize"));
  initialized_ = true;
  return absl::OkStatus();
}

void Module::Finalize() {
  if (!initialized_) return;
  functions_->C_Finalize(nullptr);
  initialized_ = false;
}

}  // namespace keysvc::pkcs11
