#include "keysvc/cli/csr_command.h"

#include "keysvc/cli/file.h"
#include "keysvc/cli/request_id.h"
#include "keysvc/v1/signing_service.grpc.pb.h"

namespace keysvc::cli {

ExitCode CreateCertificateSigningRequest(const Connection& connection, const CsrOptions& options,
                                         Output& output) {
  v1::CreateCertificateSigningRequestRequest request = options.request;
  if (request.request_id().empty()) request.set_request_id(NewRequestId());
  v1::CreateCertificateSigningRequestResponse response;
  const auto stub = v1::SigningService::NewStub(connection.channel());
  const grpc::Status status =
      stub->CreateCertificateSigningRequest(connection.Call().get(), request, &response);
  if (!status.ok()) return Report(FromWire(status));
  const absl::Status written =
      WriteFile(options.out, options.der ? response.der() : response.pem());
  if (!written.ok()) return Report(written);
  if (options.out != "-") output.Show({{"key_version", response.key_version()}});
  return ExitCode::kOk;
}

}  // namespace keysvc::cli
