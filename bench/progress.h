#ifndef KEYSVC_BENCH_PROGRESS_H_
#define KEYSVC_BENCH_PROGRESS_H_

#include <functional>
#include <string_view>

namespace keysvc::bench {

// Called with what is being done, many times a minute; never by two threads at once.
using Progress = std::function<void(std::string_view)>;

}  // namespace keysvc::bench

#endif  // KEYSVC_BENCH_PROGRESS_H_
