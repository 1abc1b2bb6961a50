// What a process on this machine uses, as the kernel counts it.
#ifndef KEYSVC_BENCH_USAGE_H_
#define KEYSVC_BENCH_USAGE_H_

#include <sys/types.h>

#include <map>
#include <string>

namespace keysvc::bench {

// Processor time since the process began, in microseconds.
struct ProcessorTime {
  double total = 0;  // exact
  // By the threads' names; counted in hundredths of a second, so only sums over a second or more
  // mean anything.
  std::map<std::string, double> by_thread;
};

// All zero for a process that is not there (0: none).
ProcessorTime ProcessorTimeOf(pid_t process);
// What was used between two looks.
ProcessorTime operator-(const ProcessorTime& later, const ProcessorTime& earlier);

// Memory that is in use now and at most was, in MiB. Page caches of the store are part of it.
struct Memory {
  double resident = 0;
  double peak = 0;
};
Memory MemoryOf(pid_t process);

}  // namespace keysvc::bench

#endif  // KEYSVC_BENCH_USAGE_H_
