#include "keysvc/cli/connection.h"

#include <cstdlib>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "crypto/bytes.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "keysvc/cli/file.h"
#include "keysvc/v1/error_details.pb.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::cli {
namespace {

constexpr std::size_t kCredentialLimit = std::size_t{1} << 20;
constexpr char kTypePrefix[] = "type.googleapis.com/google.rpc.";

absl::StatusOr<std::string> ReadCredential(const std::string& path, std::string_view option) {
  if (path.empty()) {
    return Error(Reason::kConfigInvalid, absl::StrCat(ToAbsl(option), " is needed to connect"));
  }
  return ReadFile(path, kCredentialLimit);
}

std::optional<Reason> ReasonNamed(std::string_view name) {
  for (const ReasonInfo& info : AllReasons()) {
    if (info.name == name) return info.reason;
  }
  return std::nullopt;
}

}  // namespace

void RequireTls13() { setenv("GRPC_SSL_CIPHER_SUITES", "PSK-AES256-GCM-SHA384", 1); }

absl::StatusOr<Connection> Connection::Open(const Endpoint& endpoint) {
  grpc::SslCredentialsOptions options;
  ASSIGN_OR_RETURN(options.pem_root_certs, ReadCredential(endpoint.ca_file, "--ca"));
  ASSIGN_OR_RETURN(options.pem_cert_chain,
                   ReadCredential(endpoint.certificate_file, "--certificate"));
  ASSIGN_OR_RETURN(options.pem_private_key, ReadCredential(endpoint.key_file, "--key"));
  grpc::ChannelArguments arguments;
  if (!endpoint.server_name.empty()) arguments.SetSslTargetNameOverride(endpoint.server_name);
  auto channel =
      grpc::CreateCustomChannel(endpoint.server, grpc::SslCredentials(options), arguments);
  crypto::Wipe(options.pem_private_key);
  return Connection(std::move(channel), endpoint.timeout);
}

std::unique_ptr<grpc::ClientContext> Connection::Call(absl::Duration otherwise) const {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(absl::ToChronoTime(absl::Now() + timeout_.value_or(otherwise)));
  return context;
}

absl::Status FromWire(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  v1::Status wire;
  std::optional<Reason> reason;
  std::string field;
  if (wire.ParseFromString(status.error_details())) {
    for (const v1::Detail& detail : wire.details()) {
      v1::ErrorInfo info;
      v1::BadRequest bad_request;
      if (detail.type_url() == absl::StrCat(kTypePrefix, "ErrorInfo") &&
          info.ParseFromString(detail.value())) {
        reason = ReasonNamed(info.reason());
      }
      if (detail.type_url() == absl::StrCat(kTypePrefix, "BadRequest") &&
          bad_request.ParseFromString(detail.value()) && bad_request.field_violations_size() > 0) {
        field = bad_request.field_violations(0).field();
      }
    }
  }
  if (reason.has_value()) return Error(*reason, status.error_message(), field);
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

}  // namespace keysvc::cli
