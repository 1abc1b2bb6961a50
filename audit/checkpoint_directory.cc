#include "audit/checkpoint_directory.h"

#include <charconv>
#include <cstddef>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "status/macros.h"
#include "status/reason.h"
#include "store/durable_file.h"

namespace keysvc::audit {
namespace {

constexpr std::string_view kPrefix = "checkpoint-";
constexpr std::string_view kUnfinished = ".new";  // what store::ReplaceFile leaves when killed
constexpr std::size_t kDigits = 20;  // of the largest 64-bit number: names sort as sizes do
constexpr std::size_t kKept = 1000;
constexpr std::size_t kMaxNoteSize = std::size_t{64} * 1024;

std::string Digits(std::uint64_t size) {
  const std::string digits = std::to_string(size);
  return std::string(kDigits - digits.size(), '0') + digits;
}

std::string NameFor(std::uint64_t size) { return std::string(kPrefix) + Digits(size); }

// A name in the folder that is not taken: a log that was put back twice has two trees of one size.
std::string FreeName(const std::string& folder, const std::string& name) {
  std::error_code error;
  std::string free = name;
  for (int others = 1; std::filesystem::exists(absl::StrCat(folder, "/", free), error); ++others) {
    free = absl::StrCat("other-", others, "-", name);
  }
  return free;
}

}  // namespace

absl::StatusOr<CheckpointDirectory> CheckpointDirectory::Open(std::string path) {
  CheckpointDirectory directory(std::move(path));
  std::error_code error;
  std::filesystem::directory_iterator entry(directory.path_, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(kPrefix) || name.ends_with(kUnfinished)) continue;
    std::uint64_t size = 0;
    std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), size);
    if (name != NameFor(size)) {
      return Error(Reason::kIntegrityFailure, "a file among the checkpoints has no proper name");
    }
    directory.files_[size] = name;
  }
  if (error) {
    return Error(Reason::kStoreUnavailable, "the checkpoint directory cannot be read");
  }
  return directory;
}

absl::StatusOr<std::optional<CheckpointDirectory::Newest>> CheckpointDirectory::FindNewest(
    const LogKeys& keys) const {
  if (files_.empty()) return std::nullopt;
  const auto& [size, name] = *files_.rbegin();
  ASSIGN_OR_RETURN(std::string note, store::ReadWholeFile(path_ + "/" + name, kMaxNoteSize));
  ASSIGN_OR_RETURN(Checkpoint checkpoint, OpenCheckpoint(note, keys));
  if (checkpoint.size != size) {
    return Error(Reason::kIntegrityFailure, "the newest checkpoint is not what its name says");
  }
  return Newest{std::move(checkpoint), std::move(note)};
}

std::string CheckpointDirectory::SupersededFolder(std::uint64_t size) const {
  return path_ + "/superseded-" + Digits(size);
}

absl::StatusOr<std::optional<CheckpointDirectory::Newest>> CheckpointDirectory::FindBeyond(
    std::uint64_t size, const LogKeys& keys) const {
  ASSIGN_OR_RETURN(std::optional<Newest> newest, FindNewest(keys));
  if (newest.has_value() && newest->checkpoint.size <= size) newest.reset();
  std::error_code error;
  if (!std::filesystem::exists(SupersededFolder(size), error)) return newest;
  ASSIGN_OR_RETURN(const CheckpointDirectory moved, Open(SupersededFolder(size)));
  ASSIGN_OR_RETURN(std::optional<Newest> before, moved.FindNewest(keys));
  const bool larger = before.has_value() &&
                      (!newest.has_value() || before->checkpoint.size > newest->checkpoint.size);
  return larger ? before : newest;
}

CheckpointDirectory CheckpointDirectory::UpTo(std::uint64_t size) const {
  CheckpointDirectory earlier = *this;
  earlier.files_.erase(earlier.files_.upper_bound(size), earlier.files_.end());
  return earlier;
}

absl::Status CheckpointDirectory::Supersede(std::uint64_t size) {
  const std::string folder = SupersededFolder(size);
  std::error_code error;
  for (auto file = files_.upper_bound(size); file != files_.end(); file = files_.erase(file)) {
    std::filesystem::create_directory(folder, error);
    if (error) return Error(Reason::kStoreUnavailable, "a superseded checkpoint cannot be moved");
    RETURN_IF_ERROR(store::RenameDurably(path_ + "/" + file->second,
                                         folder + "/" + FreeName(folder, file->second)));
  }
  return absl::OkStatus();
}

absl::Status CheckpointDirectory::Keep(std::uint64_t size, const std::string& note) {
  const std::string name = NameFor(size);
  RETURN_IF_ERROR(store::ReplaceFile(path_ + "/" + name, note));
  files_[size] = name;
  while (files_.size() > kKept) {
    std::error_code ignored;
    std::filesystem::remove(path_ + "/" + files_.begin()->second, ignored);
    files_.erase(files_.begin());
  }
  return absl::OkStatus();
}

}  // namespace keysvc::audit
