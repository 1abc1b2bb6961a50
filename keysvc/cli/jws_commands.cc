#include "keysvc/cli/jws_commands.h"

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "keysvc/cli/file.h"
#include "keysvc/cli/request_id.h"
#include "keysvc/cli/verification.h"
#include "keysvc/v1/signing_service.grpc.pb.h"

namespace keysvc::cli {
namespace {

constexpr std::size_t kPayloadLimit = 64 << 10;
constexpr std::size_t kJwsLimit = 96 << 10;

void SetOpenBanking(const JwsOptions& options, auto& request) {
  if (options.open_banking_issuer.empty() && options.open_banking_trust_anchor.empty()) return;
  request.mutable_open_banking()->set_issuer(options.open_banking_issuer);
  request.mutable_open_banking()->set_trust_anchor(options.open_banking_trust_anchor);
}

}  // namespace

ExitCode SignJws(const Connection& connection, const JwsOptions& options) {
  absl::StatusOr<std::string> payload = ReadFile(options.in, kPayloadLimit);
  if (!payload.ok()) return Report(payload.status());
  v1::SignJwsRequest request;
  request.set_name(options.key);
  request.set_payload(*std::move(payload));
  request.set_type(options.type);
  request.set_detached(options.detached);
  request.set_unencoded(options.unencoded);
  request.set_without_issue_time(options.without_issue_time);
  request.set_with_certificates(options.with_certificates);
  SetOpenBanking(options, request);
  request.set_request_id(options.request_id.empty() ? NewRequestId() : options.request_id);
  v1::SignJwsResponse response;
  const auto stub = v1::SigningService::NewStub(connection.channel());
  const grpc::Status status = stub->SignJws(connection.Call().get(), request, &response);
  if (!status.ok()) return Report(FromWire(status));
  return Report(WriteFile(options.out, response.jws() + "\n"));
}

ExitCode VerifyJws(const Connection& connection, const JwsOptions& options, Output& output) {
  absl::StatusOr<std::string> jws = ReadFile(options.jws_file, kJwsLimit);
  if (!jws.ok()) return Report(jws.status());
  v1::VerifyJwsRequest request;
  request.set_name(options.key);
  absl::StripAsciiWhitespace(&*jws);
  request.set_jws(*std::move(jws));
  if (options.detached) {
    absl::StatusOr<std::string> payload = ReadFile(options.in, kPayloadLimit);
    if (!payload.ok()) return Report(payload.status());
    request.set_payload(*std::move(payload));
  }
  request.set_max_age_seconds(options.max_age_seconds);
  request.set_accept_once(options.accept_once);
  SetOpenBanking(options, request);
  request.set_request_id(options.request_id.empty() ? NewRequestId() : options.request_id);
  v1::VerifyJwsResponse response;
  const auto stub = v1::SigningService::NewStub(connection.channel());
  const grpc::Status status = stub->VerifyJws(connection.Call().get(), request, &response);
  if (!status.ok()) return Report(FromWire(status));
  return ShowVerification(response, output);
}

ExitCode GetJwks(const Connection& connection, const JwksOptions& options, Output& output) {
  v1::GetJwksRequest request;
  request.set_name(options.name);
  v1::GetJwksResponse response;
  const auto stub = v1::SigningService::NewStub(connection.channel());
  const grpc::Status status = stub->GetJwks(connection.Call().get(), request, &response);
  if (!status.ok()) return Report(FromWire(status));
  const absl::Status written = WriteFile(options.out, response.jwks() + "\n");
  if (!written.ok()) return Report(written);
  if (options.out != "-")
    output.Show({{"max_age_seconds", std::int64_t{response.max_age_seconds()}}});
  return ExitCode::kOk;
}

}  // namespace keysvc::cli
