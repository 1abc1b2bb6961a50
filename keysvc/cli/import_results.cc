#include "keysvc/cli/import_results.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "keysvc/cli/file.h"
#include "keysvc/cli/request_id.h"
#include "policy/name.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::cli {
namespace {

constexpr std::string_view kHeading = "# keysvc import ";
constexpr std::string_view kDone = "# done";

absl::Status NotResults() {
  return Error(Reason::kFieldInvalid, "the file is not the results of an import", "results");
}

std::optional<ImportedLine> Parse(std::string_view text) {
  const std::vector<std::string> fields = absl::StrSplit(ToAbsl(text), ',');
  ImportedLine line;
  if (fields.size() != 3 || !absl::SimpleAtoi(fields[0], &line.line) ||
      fields[1].empty() == fields[2].empty()) {
    return std::nullopt;
  }
  line.token = fields[1];
  line.reason = fields[2];
  return line;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ImportResults>> ImportResults::Open(const std::string& path,
                                                                   std::string_view profile,
                                                                   std::string_view form,
                                                                   std::int64_t rows_per_call) {
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return FileError("cannot open", path);
  std::unique_ptr<ImportResults> results(new ImportResults(path, descriptor));
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    return Error(Reason::kFieldInvalid, "another import writes these results", "results");
  }
  struct stat file_status {};
  if (fstat(descriptor, &file_status) != 0 || !S_ISREG(file_status.st_mode)) return NotResults();
  const std::string terms = absl::StrCat(ToAbsl(profile), " ", ToAbsl(form));
  std::ifstream file(path);
  std::string heading;
  std::getline(file, heading);
  // Of one that was cut off nothing was sent yet.
  if (file.eof() && (kHeading.starts_with(heading) || heading.starts_with(kHeading))) {
    RETURN_IF_ERROR(results->Begin(terms));
  } else {
    RETURN_IF_ERROR(results->TakeUp(terms, rows_per_call));
  }
  return results;
}

ImportResults::~ImportResults() { close(descriptor_); }

absl::Status ImportResults::Append(const std::vector<ImportedLine>& lines) {
  std::string text;
  for (const ImportedLine& line : lines) {
    absl::StrAppend(&text, line.line, ",", line.token, ",", line.reason, "\n");
  }
  RETURN_IF_ERROR(Write(text));
  for (const ImportedLine& line : lines) Count(line);
  return absl::OkStatus();
}

absl::Status ImportResults::Finish() {
  RETURN_IF_ERROR(Write(absl::StrCat(ToAbsl(kDone), "\n")));
  done_ = true;
  return absl::OkStatus();
}

absl::Status ImportResults::Begin(std::string_view terms) {
  id_ = NewRequestId();
  RETURN_IF_ERROR(Write(absl::StrCat(ToAbsl(kHeading), id_, " ", ToAbsl(terms), "\n")));
  // With a file that is not found again all would be imported again.
  const std::string folder = std::filesystem::absolute(path_).parent_path();
  const int opened = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = opened >= 0 && fsync(opened) == 0;
  if (opened >= 0) close(opened);
  return synced ? absl::OkStatus() : FileError("cannot write", path_);
}

absl::Status ImportResults::TakeUp(std::string_view terms, std::int64_t rows_per_call) {
  std::ifstream file(path_);
  std::string text;
  if (!std::getline(file, text) || !text.starts_with(kHeading)) return NotResults();
  const std::vector<std::string> words =
      absl::StrSplit(ToAbsl(text).substr(kHeading.size()), absl::MaxSplits(' ', 1));
  if (words.size() != 2 || !policy::IsUuid(words[0])) return NotResults();
  if (words[1] != terms) {
    return Error(Reason::kFieldInvalid,
                 "the results are of an import into another profile or with other options",
                 "results");
  }
  id_ = words[0];

  whole_ = file.tellg();
  std::vector<ImportedLine> call;
  // Of a last line without its end getline() is at the end of the file.
  while (!done_ && std::getline(file, text) && !file.eof()) {
    done_ = text == kDone;
    if (!done_) {
      std::optional<ImportedLine> line = Parse(text);
      if (!line.has_value()) return NotResults();
      call.push_back(*std::move(line));
      if (static_cast<std::int64_t>(call.size()) < rows_per_call) continue;
    }
    for (const ImportedLine& one : call) Count(one);
    call.clear();
    whole_ = file.tellg();
  }
  if (done_ && std::getline(file, text)) return NotResults();
  return absl::OkStatus();
}

absl::Status ImportResults::Write(std::string_view text) {
  if (ftruncate(descriptor_, whole_) != 0) return FileError("cannot write", path_);
  for (std::int64_t at = whole_; !text.empty();) {
    const ssize_t written = pwrite(descriptor_, text.data(), text.size(), at);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return FileError("cannot write", path_);
    text.remove_prefix(static_cast<std::size_t>(written));
    at += written;
    if (text.empty()) whole_ = at;
  }
  if (fdatasync(descriptor_) != 0) return FileError("cannot write", path_);
  return absl::OkStatus();
}

void ImportResults::Count(const ImportedLine& line) {
  ++(line.reason.empty() ? imported_ : refused_);
  last_line_ = line.line;
}

}  // namespace keysvc::cli
