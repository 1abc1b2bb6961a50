#include "keysvc/cli/cose_commands.h"

#include <cstddef>

#include "keysvc/cli/file.h"
#include "keysvc/cli/request_id.h"
#include "keysvc/cli/verification.h"
#include "keysvc/v1/signing_service.grpc.pb.h"
#include "status/macros.h"

namespace keysvc::cli {
namespace {

constexpr std::size_t kPayloadLimit = 64 << 10;
constexpr std::size_t kCoseLimit = 68 << 10;
constexpr std::size_t kAadLimit = 1 << 10;

absl::StatusOr<std::string> ExternalAad(const CoseOptions& options) {
  if (options.external_aad_file.empty()) return std::string();
  return ReadFile(options.external_aad_file, kAadLimit);
}

absl::StatusOr<v1::SignCoseRequest> RequestToSign(const CoseOptions& options) {
  v1::SignCoseRequest request;
  request.set_name(options.key);
  ASSIGN_OR_RETURN(*request.mutable_payload(), ReadFile(options.in, kPayloadLimit));
  ASSIGN_OR_RETURN(*request.mutable_external_aad(), ExternalAad(options));
  request.set_detached(options.detached);
  request.set_without_issue_time(options.without_issue_time);
  request.set_request_id(options.request_id.empty() ? NewRequestId() : options.request_id);
  return request;
}

absl::StatusOr<v1::VerifyCoseRequest> RequestToVerify(const CoseOptions& options) {
  v1::VerifyCoseRequest request;
  request.set_name(options.key);
  ASSIGN_OR_RETURN(*request.mutable_cose_sign1(), ReadFile(options.cose_file, kCoseLimit));
  if (options.detached) {
    ASSIGN_OR_RETURN(*request.mutable_payload(), ReadFile(options.in, kPayloadLimit));
  }
  ASSIGN_OR_RETURN(*request.mutable_external_aad(), ExternalAad(options));
  request.set_max_age_seconds(options.max_age_seconds);
  request.set_accept_once(options.accept_once);
  request.set_request_id(options.request_id.empty() ? NewRequestId() : options.request_id);
  return request;
}

}  // namespace

ExitCode SignCose(const Connection& connection, const CoseOptions& options) {
  const absl::StatusOr<v1::SignCoseRequest> request = RequestToSign(options);
  if (!request.ok()) return Report(request.status());
  v1::SignCoseResponse response;
  const auto stub = v1::SigningService::NewStub(connection.channel());
  const grpc::Status status = stub->SignCose(connection.Call().get(), *request, &response);
  if (!status.ok()) return Report(FromWire(status));
  return Report(WriteFile(options.out, response.cose_sign1()));
}

ExitCode VerifyCose(const Connection& connection, const CoseOptions& options, Output& output) {
  const absl::StatusOr<v1::VerifyCoseRequest> request = RequestToVerify(options);
  if (!request.ok()) return Report(request.status());
  v1::VerifyCoseResponse response;
  const auto stub = v1::SigningService::NewStub(connection.channel());
  const grpc::Status status = stub->VerifyCose(connection.Call().get(), *request, &response);
  if (!status.ok()) return Report(FromWire(status));
  return ShowVerification(response, output);
}

}  // namespace keysvc::cli
