#include "keysvc/cli/sign_lines_command.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "keysvc/cli/file.h"
#include "keysvc/cli/item_error.h"
#include "keysvc/cli/request_id.h"
#include "keysvc/v1/signing_service.grpc.pb.h"
#include "status/abseil.h"
#include "status/reason.h"

namespace keysvc::cli {
namespace {

constexpr std::size_t kFileLimit = std::size_t{64} << 20;
// Of one call: the service takes 100 messages in 256 KiB with all else.
constexpr int kBatch = 100;
constexpr std::size_t kBatchBytes = std::size_t{192} << 10;

std::vector<std::string_view> LinesOf(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view& line = lines.emplace_back(text.substr(0, end));
    if (line.ends_with('\r')) line.remove_suffix(1);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

bool IsHex(std::string_view line) {
  return line.size() % 2 == 0 && std::all_of(line.begin(), line.end(), [](char c) {
           return absl::ascii_isxdigit(static_cast<unsigned char>(c));
         });
}

absl::Status CheckDigests(const std::vector<std::string_view>& lines) {
  const auto wrong = std::find_if_not(lines.begin(), lines.end(), IsHex);
  if (wrong == lines.end()) return absl::OkStatus();
  const std::string message =
      absl::StrCat("line ", wrong - lines.begin() + 1, " is no digest in hexadecimal");
  return Error(Reason::kFieldInvalid, message, "digests");
}

void Add(std::string_view line, bool digest, v1::BatchSignRequest& request) {
  if (digest) {
    request.add_digests(absl::HexStringToBytes(ToAbsl(line)));
  } else {
    request.add_messages(std::string(line));
  }
}

// Puts lines from `begin` on into a request, as many as one call may have. Returns where the next
// call begins.
std::size_t TakeLines(const std::vector<std::string_view>& lines, std::size_t begin, bool digest,
                      v1::BatchSignRequest& request) {
  std::size_t bytes = 0;
  while (begin < lines.size() && request.messages_size() + request.digests_size() < kBatch) {
    bytes += lines[begin].size();
    const bool first = request.messages_size() + request.digests_size() == 0;
    if (bytes > kBatchBytes && !first) break;
    Add(lines[begin++], digest, request);
  }
  return begin;
}

}  // namespace

ExitCode SignLines(const Connection& connection, const SignOptions& options, Output& output) {
  const absl::StatusOr<std::string> text = ReadFile(options.lines, kFileLimit);
  if (!text.ok()) return Report(text.status());
  const std::vector<std::string_view> lines = LinesOf(*text);
  if (options.digest) {
    if (const absl::Status checked = CheckDigests(lines); !checked.ok()) return Report(checked);
  }
  const auto stub = v1::SigningService::NewStub(connection.channel());
  const std::string id = options.request_id.empty() ? NewRequestId() : options.request_id;
  ExitCode code = ExitCode::kOk;
  std::uint32_t calls = 0;
  for (std::size_t begin = 0; begin < lines.size();) {
    v1::BatchSignRequest request;
    const std::size_t end = TakeLines(lines, begin, options.digest, request);
    request.set_name(options.key);
    request.set_encoding(options.encoding);
    request.set_rsa_padding(options.padding);
    request.set_request_id(RequestIdOfCall(id, calls++));
    v1::BatchSignResponse response;
    const grpc::Status status = stub->BatchSign(connection.Call().get(), request, &response);
    if (!status.ok()) return ReportRepeatable(FromWire(status), id);
    if (static_cast<std::size_t>(response.results_size()) != end - begin) {
      return ReportRepeatable(
          absl::UnavailableError("the service answered for another number of messages"), id);
    }
    std::vector<Fields> rows;
    for (const v1::SignResult& result : response.results()) {
      if (result.has_error()) code = ExitCode::kNo;
      rows.push_back({{"line", static_cast<std::int64_t>(++begin)},
                      {"signature", absl::Base64Escape(result.signature())},
                      {"key_version", result.has_error() ? "" : response.key_version()},
                      {"error", ErrorOf(result)}});
    }
    output.ShowAll(rows);
  }
  return code;
}

}  // namespace keysvc::cli
