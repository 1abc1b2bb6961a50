#include "keysvc/cli/signing_commands.h"

#include <cstddef>

#include "absl/strings/escaping.h"
#include "keysvc/cli/file.h"
#include "keysvc/cli/request_id.h"
#include "keysvc/cli/sign_lines_command.h"
#include "keysvc/v1/signing_service.grpc.pb.h"

namespace keysvc::cli {
namespace {

constexpr std::size_t kMessageLimit = 64 << 10;
constexpr std::size_t kSignatureLimit = 4096;

// Puts what the file holds into a v1::SignRequest or a v1::VerifyRequest.
absl::Status ReadInput(const SignOptions& options, auto& request) {
  absl::StatusOr<std::string> input = ReadFile(options.in, kMessageLimit);
  if (!input.ok()) return input.status();
  if (options.digest) {
    request.set_digest(*std::move(input));
  } else {
    request.set_message(*std::move(input));
  }
  return absl::OkStatus();
}

}  // namespace

ExitCode Sign(const Connection& connection, const SignOptions& options, Output& output) {
  if (!options.lines.empty()) return SignLines(connection, options, output);
  v1::SignRequest request;
  if (const absl::Status read = ReadInput(options, request); !read.ok()) return Report(read);
  request.set_name(options.key);
  request.set_encoding(options.encoding);
  request.set_rsa_padding(options.padding);
  request.set_request_id(options.request_id.empty() ? NewRequestId() : options.request_id);
  v1::SignResponse response;
  const auto stub = v1::SigningService::NewStub(connection.channel());
  const grpc::Status status = stub->Sign(connection.Call().get(), request, &response);
  if (!status.ok()) return Report(FromWire(status));
  Fields fields = {{"key_version", response.key_version()}, {"algorithm", response.algorithm()}};
  if (options.signature_file.empty()) {
    fields.emplace_back("signature", absl::Base64Escape(response.signature()));
  } else {
    const absl::Status written = WriteFile(options.signature_file, response.signature());
    if (!written.ok()) return Report(written);
    if (options.signature_file == "-") return ExitCode::kOk;
  }
  output.Show(fields);
  return ExitCode::kOk;
}

ExitCode Verify(const Connection& connection, const SignOptions& options, Output& output) {
  v1::VerifyRequest request;
  if (const absl::Status read = ReadInput(options, request); !read.ok()) return Report(read);
  absl::StatusOr<std::string> signature = ReadFile(options.signature_file, kSignatureLimit);
  if (!signature.ok()) return Report(signature.status());
  request.set_name(options.key);
  request.set_signature(*std::move(signature));
  request.set_encoding(options.encoding);
  request.set_rsa_padding(options.padding);
  request.set_request_id(NewRequestId());
  v1::VerifyResponse response;
  const auto stub = v1::SigningService::NewStub(connection.channel());
  const grpc::Status status = stub->Verify(connection.Call().get(), request, &response);
  if (!status.ok()) return Report(FromWire(status));
  output.Show({{"valid", response.valid()}, {"key_version", response.key_version()}});
  return response.valid() ? ExitCode::kOk : ExitCode::kNo;
}

}  // namespace keysvc::cli
