#include "audit/checkpoint_directory.h"

#include <charconv>
#include <cstddef>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

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

std::string NameFor(std::uint64_t size) {
  const std::string digits = std::to_string(size);
  return std::string(kPrefix) + std::string(kDigits - digits.size(), '0') + digits;
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
    const std::string& verifier_key) const {
  if (files_.empty()) return std::nullopt;
  const auto& [size, name] = *files_.rbegin();
  ASSIGN_OR_RETURN(std::string note, store::ReadWholeFile(path_ + "/" + name, kMaxNoteSize));
  ASSIGN_OR_RETURN(Checkpoint checkpoint, OpenCheckpoint(note, verifier_key));
  if (checkpoint.size != size) {
    return Error(Reason::kIntegrityFailure, "the newest checkpoint is not what its name says");
  }
  return Newest{std::move(checkpoint), std::move(note)};
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
