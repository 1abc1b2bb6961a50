#include "store/write_ahead_log.h"

#include <filesystem>
#include <system_error>

namespace keysvc::store {

std::uint64_t PagesInWriteAheadLog(const std::string& path) {
  // https://www.sqlite.org/fileformat2.html#walformat
  constexpr std::uintmax_t kHeader = 32;
  constexpr std::uintmax_t kFrame = 24 + 4096;
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path + "-wal", error);
  return error || size < kHeader ? 0 : (size - kHeader) / kFrame;
}

}  // namespace keysvc::store
