#include "keysvc/cli/file.h"

#include <cstdio>
#include <fstream>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::cli {
namespace {

absl::StatusOr<std::string> Read(std::istream& in, const std::string& path, std::size_t limit) {
  std::string content(limit + 1, '\0');
  in.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (in.bad()) return FileError("cannot read", path);
  content.resize(static_cast<std::size_t>(in.gcount()));
  if (content.size() > limit) {
    return Error(Reason::kFieldInvalid, absl::StrCat(path, " is longer than ", limit, " bytes"));
  }
  return content;
}

}  // namespace

absl::Status FileError(std::string_view what, const std::string& path) {
  return absl::UnavailableError(absl::StrCat(ToAbsl(what), " ", path));
}

absl::StatusOr<std::string> ReadFile(const std::string& path, std::size_t limit) {
  if (path == "-") return Read(std::cin, "standard input", limit);
  std::ifstream in(path, std::ios::binary);
  // Opening a folder succeeds; reading it does not.
  if (!in.is_open() || (in.peek(), in.bad())) return FileError("cannot read", path);
  in.clear();
  return Read(in, path, limit);
}

absl::Status WriteFile(const std::string& path, std::string_view content) {
  const auto size = static_cast<std::streamsize>(content.size());
  if (path == "-") {
    if (!std::cout.write(content.data(), size).flush()) return FileError("cannot write", path);
    return absl::OkStatus();
  }
  const std::string unfinished = path + ".unfinished";
  std::ofstream out(unfinished, std::ios::binary | std::ios::trunc);
  out.write(content.data(), size);
  out.close();
  if (!out || std::rename(unfinished.c_str(), path.c_str()) != 0) {
    std::remove(unfinished.c_str());
    return FileError("cannot write", path);
  }
  return absl::OkStatus();
}

}  // namespace keysvc::cli
