#include "pkcs11/token_directory.h"

#include <fcntl.h>
#include <unistd.h>

#include "pkcs11/descriptor.h"
#include "status/reason.h"

namespace keysvc::pkcs11 {

absl::Status MakeDurable(const std::string& directory) {
  if (directory.empty()) {
    sync();
    return absl::OkStatus();
  }
  const Descriptor folder(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.open() || syncfs(folder.get()) != 0) {
    return Error(Reason::kHsmUnavailable, "the token directory cannot be written to the disk");
  }
  return absl::OkStatus();
}

}  // namespace keysvc::pkcs11
