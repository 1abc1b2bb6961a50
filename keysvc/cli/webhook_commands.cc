#include "keysvc/cli/webhook_commands.h"

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

constexpr std::size_t kLimit = 64 << 10;

absl::StatusOr<v1::VerifyWebhookRequest> RequestToVerify(const WebhookOptions& options) {
  v1::VerifyWebhookRequest request;
  request.set_name(options.key);
  ASSIGN_OR_RETURN(const std::string lines, ReadFile(options.fields_file, kLimit));
  ASSIGN_OR_RETURN(*request.mutable_fields(), ParseHttpFields(lines));
  ASSIGN_OR_RETURN(*request.mutable_payload(), ReadFile(options.in, kLimit));
  request.set_signature_field(options.signature_field);
  request.set_max_age_seconds(options.max_age_seconds);
  request.set_accept_once(options.accept_once);
  request.set_request_id(options.request_id.empty() ? NewRequestId() : options.request_id);
  return request;
}

}  // namespace

ExitCode SignWebhook(const Connection& connection, const WebhookOptions& options) {
  absl::StatusOr<std::string> payload = ReadFile(options.in, kLimit);
  if (!payload.ok()) return Report(payload.status());
  v1::SignWebhookRequest request;
  request.set_name(options.key);
  request.set_message_id(options.message_id);
  request.set_signature_field(options.signature_field);
  request.set_payload(*std::move(payload));
  request.set_request_id(options.request_id.empty() ? NewRequestId() : options.request_id);
  v1::SignWebhookResponse response;
  const auto stub = v1::SigningService::NewStub(connection.channel());
  const grpc::Status status = stub->SignWebhook(connection.Call().get(), request, &response);
  if (!status.ok()) return Report(FromWire(status));
  return Report(WriteFile(options.out, HttpFieldLines(response.fields())));
}

ExitCode VerifyWebhook(const Connection& connection, const WebhookOptions& options,
                       Output& output) {
  const absl::StatusOr<v1::VerifyWebhookRequest> request = RequestToVerify(options);
  if (!request.ok()) return Report(request.status());
  v1::VerifyWebhookResponse response;
  const auto stub = v1::SigningService::NewStub(connection.channel());
  const grpc::Status status = stub->VerifyWebhook(connection.Call().get(), *request, &response);
  if (!status.ok()) return Report(FromWire(status));
  return ShowVerification(response, output);
}

}  // namespace keysvc::cli
