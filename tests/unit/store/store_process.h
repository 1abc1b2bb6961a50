#ifndef KEYSVC_TESTS_UNIT_STORE_STORE_PROCESS_H_
#define KEYSVC_TESTS_UNIT_STORE_STORE_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

namespace keysvc::testing {

// A process that writes to a store (store_writer.cc). Killed when the object goes.
class StoreProcess {
 public:
  explicit StoreProcess(const std::string& path);
  ~StoreProcess();
  StoreProcess(const StoreProcess&) = delete;
  StoreProcess& operator=(const StoreProcess&) = delete;

  // The next handle whose commit was acknowledged; nullopt once the process has ended.
  std::optional<std::int64_t> NextAcknowledged();
  void Kill();
  // Waits for the process to end by itself.
  int ExitCode();

 private:
  pid_t process_ = -1;
  int output_ = -1;
};

}  // namespace keysvc::testing

#endif  // KEYSVC_TESTS_UNIT_STORE_STORE_PROCESS_H_
