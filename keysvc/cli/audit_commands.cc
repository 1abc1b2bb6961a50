#include "keysvc/cli/audit_commands.h"

#include <cstdio>
#include <fstream>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "audit/verifier.h"
#include "keysvc/cli/file.h"
#include "keysvc/v1/audit_service.grpc.pb.h"

namespace keysvc::cli {
namespace {

constexpr std::size_t kNoteLimit = 64 << 10;

std::int64_t Count(std::uint64_t value) { return static_cast<std::int64_t>(value); }

// Keys and notes are lines of text; files may end them or not.
std::string WithoutEnd(std::string text) {
  text.erase(text.find_last_not_of("\r\n \t") + 1);
  return text;
}

absl::StatusOr<v1::GetCheckpointResponse> FetchCheckpoint(const Connection& connection) {
  v1::GetCheckpointResponse response;
  const auto stub = v1::AuditService::NewStub(connection.channel());
  const grpc::Status status = stub->GetCheckpoint(connection.Call().get(), {}, &response);
  if (!status.ok()) return FromWire(status);
  return response;
}

// Writes the lines as they come; returns how many bytes.
absl::StatusOr<std::int64_t> WriteExport(const Connection& connection, const ExportOptions& options,
                                         std::ofstream& out) {
  v1::ExportAuditRequest request;
  request.set_first_index(options.from);
  const auto stub = v1::AuditService::NewStub(connection.channel());
  const auto context = connection.Call(absl::Minutes(10));
  const auto reader = stub->ExportAudit(context.get(), request);
  v1::ExportAuditResponse part;
  std::int64_t written = 0;
  while (out.good() && reader->Read(&part)) {
    out.write(part.lines().data(), static_cast<std::streamsize>(part.lines().size()));
    written += static_cast<std::int64_t>(part.lines().size());
  }
  if (!out.good()) context->TryCancel();
  const grpc::Status status = reader->Finish();
  if (!out.flush()) return FileError("cannot write", options.out);
  if (!status.ok()) return FromWire(status);
  return written;
}

}  // namespace

ExitCode ExportAudit(const Connection& connection, const ExportOptions& options, Output& output) {
  if (!options.verifier_key_out.empty()) {
    const auto checkpoint = FetchCheckpoint(connection);
    if (!checkpoint.ok()) return Report(checkpoint.status());
    const absl::Status written =
        WriteFile(options.verifier_key_out, checkpoint->verifier_key() + "\n");
    if (!written.ok()) return Report(written);
  }
  // Half an export would look like a tampered one, so it gets its name only when it is whole.
  const std::string unfinished = options.out + ".unfinished";
  std::ofstream out(unfinished, std::ios::binary | std::ios::trunc);
  if (!out.is_open()) return Report(FileError("cannot write", options.out));
  const absl::StatusOr<std::int64_t> bytes = WriteExport(connection, options, out);
  out.close();
  if (bytes.ok() && std::rename(unfinished.c_str(), options.out.c_str()) == 0) {
    output.Show({{"file", options.out}, {"bytes", *bytes}});
    return ExitCode::kOk;
  }
  std::remove(unfinished.c_str());
  return Report(bytes.ok() ? FileError("cannot write", options.out) : bytes.status());
}

ExitCode VerifyAudit(const VerifyOptions& options, Output& output) {
  const auto key = ReadFile(options.verifier_key_file, kNoteLimit);
  if (!key.ok()) return Report(key.status());
  absl::StatusOr<std::string> checkpoint;
  std::optional<std::string_view> outside;
  std::optional<std::string> checkpoint_key;
  if (!options.checkpoint_key_file.empty()) {
    auto read = ReadFile(options.checkpoint_key_file, kNoteLimit);
    if (!read.ok()) return Report(read.status());
    checkpoint_key = WithoutEnd(*std::move(read));
  }
  if (!options.checkpoint_file.empty()) {
    checkpoint = ReadFile(options.checkpoint_file, kNoteLimit);
    if (!checkpoint.ok()) return Report(checkpoint.status());
    outside = *checkpoint;
  }
  std::ifstream lines(options.export_file, std::ios::binary);
  if (!lines.is_open() || (lines.peek(), lines.bad())) {
    return Report(FileError("cannot read", options.export_file));
  }
  lines.clear();
  const absl::StatusOr<audit::Verified> verified =
      audit::VerifyExport(lines, WithoutEnd(*key), outside, checkpoint_key);
  if (lines.bad()) return Report(FileError("cannot read", options.export_file));
  if (!verified.ok()) return Report(verified.status());
  output.Show({{"origin", verified->origin},
               {"first_index", Count(verified->first)},
               {"log_size", Count(verified->size)},
               {"first_time", verified->first_time},
               {"last_time", verified->last_time},
               {"successes", Count(verified->successes)},
               {"denials", Count(verified->denials)},
               {"failures", Count(verified->failures)},
               {"unresolved", Count(verified->unresolved)},
               {"restorations", Count(verified->restorations)},
               {"proven", verified->against_outside_checkpoint
                              ? "complete and unchanged since the outside checkpoint"
                              : "consistent in itself (give --checkpoint to prove more)"}});
  return ExitCode::kOk;
}

ExitCode GetCheckpoint(const Connection& connection, const CheckpointOptions& options) {
  const auto checkpoint = FetchCheckpoint(connection);
  if (!checkpoint.ok()) return Report(checkpoint.status());
  absl::Status written = WriteFile(options.out, checkpoint->note());
  if (written.ok() && !options.verifier_key_out.empty()) {
    written = WriteFile(options.verifier_key_out, checkpoint->verifier_key() + "\n");
  }
  return written.ok() ? ExitCode::kOk : Report(written);
}

}  // namespace keysvc::cli
