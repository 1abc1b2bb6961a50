#ifndef KEYSVC_STORE_WRITE_AHEAD_LOG_H_
#define KEYSVC_STORE_WRITE_AHEAD_LOG_H_

#include <cstdint>
#include <string>

namespace keysvc::store {

// How many pages lie in the write-ahead log of the database at `path`, which nobody has open: what
// the next to open it takes over, as far as it is committed. 0 after a clean stop.
std::uint64_t PagesInWriteAheadLog(const std::string& path);

}  // namespace keysvc::store

#endif  // KEYSVC_STORE_WRITE_AHEAD_LOG_H_
