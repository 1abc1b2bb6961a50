#include "crypto/process_hardening.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>

#include "gtest/gtest.h"
#include "status/reason.h"

namespace keysvc::crypto {
namespace {

// Hardening cannot be undone, so each case has a process of its own.
int InChild(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(ProcessHardeningTest, AHardenedProcessLeavesNoCoreAndCannotBeTraced) {
  EXPECT_EQ(InChild([] {
              if (!HardenProcess(64 << 10).ok()) return 1;
              rlimit core{1, 1};
              getrlimit(RLIMIT_CORE, &core);
              if (core.rlim_cur != 0 || core.rlim_max != 0) return 2;
              return prctl(PR_GET_DUMPABLE) == 0 ? 0 : 3;
            }),
            0);
}

TEST(ProcessHardeningTest, NewFilesAreTheOwnersOnly) {
  EXPECT_EQ(InChild([] {
              umask(0);
              if (!HardenProcess(64 << 10).ok()) return 1;
              return umask(0) == 077 ? 0 : 2;
            }),
            0);
}

TEST(ProcessHardeningTest, VariablesThatWouldLogSecretsAreRefused) {
  for (const char* name : {"SSLKEYLOGFILE", "GRPC_TRACE"}) {
    EXPECT_EQ(InChild([&] {
                setenv(name, "x", 1);
                return ReasonOf(HardenProcess(64 << 10)) == Reason::kConfigInvalid ? 0 : 1;
              }),
              0)
        << name;
  }
}

#ifndef __SANITIZE_ADDRESS__  // It turns mlock off; the release build proves this.
TEST(ProcessHardeningTest, WithoutEnoughLockedMemoryTheProcessDoesNotStart) {
  EXPECT_EQ(InChild([] {
              const rlimit limit{128 << 10, 128 << 10};
              setrlimit(RLIMIT_MEMLOCK, &limit);
              // Root may lock beyond the limit.
              if (geteuid() == 0 && setuid(65534) != 0) return 1;
              return ReasonOf(HardenProcess(16 << 20)) == Reason::kLockedMemory ? 0 : 2;
            }),
            0);
}
#endif

}  // namespace
}  // namespace keysvc::crypto
