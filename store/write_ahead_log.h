#ifndef KEYSVC_STORE_WRITE_AHEAD_LOG_H_
#define KEYSVC_STORE_WRITE_AHEAD_LOG_H_

#include <cstdint>
#include <string>

namespace keysvc::store {

// How many pages lie in the file of the write-ahead log of the database at `path`, which nobody has
// open. The next to open it takes over what is committed of them; some may be of a round before the
// log last started over, since the file is not shortened then. 0 after a clean stop.
std::uint64_t PagesInWriteAheadLog(const std::string& path);

}  // namespace keysvc::store

#endif  // KEYSVC_STORE_WRITE_AHEAD_LOG_H_
