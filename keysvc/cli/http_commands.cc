#include "keysvc/cli/http_commands.h"

#include <cstddef>
#include <utility>

#include "keysvc/cli/file.h"
#include "keysvc/cli/http_file.h"
#include "keysvc/cli/request_id.h"
#include "keysvc/cli/verification.h"
#include "keysvc/v1/signing_service.grpc.pb.h"
#include "status/macros.h"

namespace keysvc::cli {
namespace {

// The message's 64 KiB and what its lines have besides.
constexpr std::size_t kMessageLimit = 80 << 10;

absl::StatusOr<v1::HttpMessage> ReadMessage(const HttpSignatureOptions& options) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(options.message_file, kMessageLimit));
  return ParseHttpMessage(text, options.scheme);
}

}  // namespace

ExitCode SignHttpMessage(const Connection& connection, const HttpSignatureOptions& options) {
  absl::StatusOr<v1::HttpMessage> message = ReadMessage(options);
  if (!message.ok()) return Report(message.status());
  v1::SignHttpMessageRequest request;
  request.set_name(options.key);
  *request.mutable_message() = *std::move(message);
  for (const std::string& component : options.components) request.add_components(component);
  request.set_label(options.label);
  request.set_valid_seconds(options.valid_seconds);
  request.set_nonce(options.nonce);
  request.set_tag(options.tag);
  request.set_request_id(options.request_id.empty() ? NewRequestId() : options.request_id);
  v1::SignHttpMessageResponse response;
  const auto stub = v1::SigningService::NewStub(connection.channel());
  const grpc::Status status = stub->SignHttpMessage(connection.Call().get(), request, &response);
  if (!status.ok()) return Report(FromWire(status));
  return Report(WriteFile(options.out, HttpFieldLines(response.fields())));
}

ExitCode VerifyHttpMessage(const Connection& connection, const HttpSignatureOptions& options,
                           Output& output) {
  absl::StatusOr<v1::HttpMessage> message = ReadMessage(options);
  if (!message.ok()) return Report(message.status());
  v1::VerifyHttpMessageRequest request;
  request.set_name(options.key);
  *request.mutable_message() = *std::move(message);
  for (const std::string& component : options.components) {
    request.add_required_components(component);
  }
  request.set_label(options.label);
  request.set_max_age_seconds(options.max_age_seconds);
  request.set_accept_once(options.accept_once);
  request.set_request_id(options.request_id.empty() ? NewRequestId() : options.request_id);
  v1::VerifyHttpMessageResponse response;
  const auto stub = v1::SigningService::NewStub(connection.channel());
  const grpc::Status status = stub->VerifyHttpMessage(connection.Call().get(), request, &response);
  if (!status.ok()) return Report(FromWire(status));
  return ShowVerification(response, output);
}

}  // namespace keysvc::cli
