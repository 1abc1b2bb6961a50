#include "keysvc/cli/key_commands.h"

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/bytes.h"
#include "crypto/key_document.h"
#include "keysvc/cli/file.h"
#include "keysvc/cli/request_id.h"
#include "keysvc/cli/timestamp.h"
#include "keysvc/cli/word.h"
#include "keysvc/v1/key_service.grpc.pb.h"
#include "keysvc/v1/signing_service.grpc.pb.h"
#include "status/reason.h"

namespace keysvc::cli {
namespace {

constexpr std::string_view kKeys = "/keys/";
constexpr int kPage = 200;
constexpr std::size_t kCertificatesLimit = 32 << 10;
constexpr std::size_t kWrappedLimit = 4 << 10;
constexpr std::uint32_t kUsualDays = 365;
constexpr std::uint32_t kUsualImportDays = 30;

// One row per version.
void AddRows(const v1::Key& key, std::vector<Fields>& rows) {
  for (const v1::KeyVersion& version : key.versions()) {
    rows.push_back(
        {{"name", version.name()},
         {"purpose", Word(v1::KeyPurpose_Name(key.purpose()), "KEY_PURPOSE_")},
         {"algorithm", Word(v1::KeyAlgorithm_Name(version.algorithm()), "KEY_ALGORITHM_")},
         {"protection", Word(v1::KeyProtection_Name(version.protection()), "KEY_PROTECTION_")},
         {"origin", Word(v1::KeyOrigin_Name(version.origin()), "KEY_ORIGIN_")},
         {"state", Word(v1::KeyState_Name(version.state()), "KEY_STATE_")},
         {"primary", version.primary()},
         {"environment", version.environment()},
         {"created", Rfc3339(version.create_time())},
         {"originator_end", Rfc3339(version.originator_end_time())},
         {"recipient_end", Rfc3339(version.recipient_end_time())},
         {"uses", static_cast<std::int64_t>(version.uses())},
         {"use_limit", static_cast<std::int64_t>(version.use_limit())},
         {"low_s", version.low_s()},
         {"certificate_end", version.has_certificate_end_time()
                                 ? Rfc3339(version.certificate_end_time())
                                 : std::string()},
         {"kid", version.kid()}});
  }
}

void ShowKey(const v1::Key& key, Output& output) {
  std::vector<Fields> rows;
  AddRows(key, rows);
  output.ShowAll(rows);
}

std::string In(PublicKeyFormat format, const v1::GetPublicKeyResponse& response) {
  switch (format) {
    case PublicKeyFormat::kPem:
      return response.pem();
    case PublicKeyFormat::kDer:
      return response.der();
    case PublicKeyFormat::kJwk:
      return response.jwk() + "\n";
  }
  return {};
}

// What makes MACs is called so.
bool IsMac(v1::KeyAlgorithm algorithm) {
  return v1::KeyAlgorithm_Name(algorithm).find("MAC") != std::string::npos;
}

v1::KeyPurpose PurposeOf(const CreateKeyOptions& options) {
  if (options.purpose != v1::KEY_PURPOSE_UNSPECIFIED) return options.purpose;
  return IsMac(options.algorithm) ? v1::KEY_PURPOSE_MAC : v1::KEY_PURPOSE_SIGN;
}

v1::KeyAlgorithm AlgorithmOf(const CreateKeyOptions& options) {
  if (options.algorithm != v1::KEY_ALGORITHM_UNSPECIFIED) return options.algorithm;
  switch (options.purpose) {
    case v1::KEY_PURPOSE_WEBHOOK:
      return v1::KEY_ALGORITHM_ED25519;
    case v1::KEY_PURPOSE_MAC:
    case v1::KEY_PURPOSE_TIMESTAMPED_WEBHOOK:
      return v1::KEY_ALGORITHM_HMAC_SHA256;
    case v1::KEY_PURPOSE_SHARED_MAC:
      return v1::KEY_ALGORITHM_AES_256_CMAC;
    case v1::KEY_PURPOSE_SECRET_IMPORT:
      return v1::KEY_ALGORITHM_RSA_3072;
    default:
      return v1::KEY_ALGORITHM_EC_P256;
  }
}

std::uint32_t CryptoperiodOf(const CreateKeyOptions& options) {
  if (options.cryptoperiod_days != 0) return options.cryptoperiod_days;
  return options.purpose == v1::KEY_PURPOSE_SECRET_IMPORT ? kUsualImportDays : kUsualDays;
}

}  // namespace

ExitCode CreateKey(const Connection& connection, const CreateKeyOptions& options, Output& output) {
  // "tenants/{tenant}/keys/{key}"; the service checks both halves.
  const std::size_t at = options.name.find(kKeys);
  v1::CreateKeyRequest request;
  request.set_parent(options.name.substr(0, at));
  if (at != std::string::npos) request.set_key_id(options.name.substr(at + kKeys.size()));
  request.set_purpose(PurposeOf(options));
  request.set_algorithm(AlgorithmOf(options));
  request.set_cryptoperiod_days(CryptoperiodOf(options));
  request.set_low_s(options.low_s);
  request.set_max_signatures(options.max_signatures);
  request.set_request_id(options.request_id.empty() ? NewRequestId() : options.request_id);
  v1::CreateKeyResponse response;
  const auto stub = v1::KeyService::NewStub(connection.channel());
  const grpc::Status status = stub->CreateKey(connection.Call().get(), request, &response);
  if (!status.ok()) return Report(FromWire(status));
  ShowKey(response.key(), output);
  return ExitCode::kOk;
}

ExitCode CreateKeyVersion(const Connection& connection, const ChangeKeyOptions& options,
                          Output& output) {
  v1::CreateKeyVersionRequest request;
  request.set_name(options.name);
  request.set_request_id(options.request_id.empty() ? NewRequestId() : options.request_id);
  v1::CreateKeyVersionResponse response;
  const auto stub = v1::KeyService::NewStub(connection.channel());
  const grpc::Status status = stub->CreateKeyVersion(connection.Call().get(), request, &response);
  if (!status.ok()) return Report(FromWire(status));
  ShowKey(response.key(), output);
  return ExitCode::kOk;
}

ExitCode RotateKey(const Connection& connection, const ChangeKeyOptions& options, Output& output) {
  v1::RotateKeyRequest request;
  request.set_name(options.name);
  request.set_request_id(options.request_id.empty() ? NewRequestId() : options.request_id);
  request.set_at_once(options.at_once);
  v1::RotateKeyResponse response;
  const auto stub = v1::KeyService::NewStub(connection.channel());
  const grpc::Status status = stub->RotateKey(connection.Call().get(), request, &response);
  if (!status.ok()) return Report(FromWire(status));
  ShowKey(response.key(), output);
  return ExitCode::kOk;
}

ExitCode AttachCertificate(const Connection& connection, const AttachCertificateOptions& options,
                           Output& output) {
  absl::StatusOr<std::string> pem = ReadFile(options.in, kCertificatesLimit);
  if (!pem.ok()) return Report(pem.status());
  if (const absl::Status checked = crypto::CheckNotPrivate(*pem, "pem"); !checked.ok()) {
    crypto::Wipe(*pem);
    return Report(checked);
  }
  v1::AttachCertificateRequest request;
  request.set_name(options.name);
  request.set_kid(options.kid);
  request.set_pem(*std::move(pem));
  request.set_request_id(options.request_id.empty() ? NewRequestId() : options.request_id);
  v1::AttachCertificateResponse response;
  const auto stub = v1::KeyService::NewStub(connection.channel());
  const grpc::Status status = stub->AttachCertificate(connection.Call().get(), request, &response);
  if (!status.ok()) return ReportRepeatable(FromWire(status), request.request_id());
  ShowKey(response.key(), output);
  return ExitCode::kOk;
}

ExitCode DeliverKey(const Connection& connection, const DeliverKeyOptions& options,
                    Output& output) {
  v1::DeliverKeyRequest request;
  request.set_name(options.name);
  request.set_partner_key(options.partner_key);
  request.set_request_id(options.request_id.empty() ? NewRequestId() : options.request_id);
  v1::DeliverKeyResponse response;
  const auto stub = v1::KeyService::NewStub(connection.channel());
  const grpc::Status status = stub->DeliverKey(connection.Call().get(), request, &response);
  const absl::Status written =
      status.ok() ? WriteFile(options.out, response.wrapped_secret()) : FromWire(status);
  // The secret may have been handed over, and only the same request gets it once more.
  if (!written.ok()) return ReportRepeatable(written, request.request_id());
  if (options.out != "-") {
    output.Show({{"key_version", response.key_version()},
                 {"algorithm", response.algorithm()},
                 {"check_value", response.key_check_value()}});
  }
  return ExitCode::kOk;
}

ExitCode ImportKey(const Connection& connection, const ImportKeyOptions& options, Output& output) {
  absl::StatusOr<std::string> wrapped = ReadFile(options.in, kWrappedLimit);
  if (!wrapped.ok()) return Report(wrapped.status());
  v1::ImportKeyRequest request;
  request.set_name(options.name);
  request.set_purpose(options.purpose);
  request.set_algorithm(options.algorithm);
  request.set_cryptoperiod_days(options.cryptoperiod_days);
  request.set_import_key(options.import_key);
  request.set_wrapping(options.wrapping);
  request.set_wrapped_secret(*std::move(wrapped));
  request.set_request_id(options.request_id.empty() ? NewRequestId() : options.request_id);
  v1::ImportKeyResponse response;
  const auto stub = v1::KeyService::NewStub(connection.channel());
  const grpc::Status status = stub->ImportKey(connection.Call().get(), request, &response);
  if (!status.ok()) return ReportRepeatable(FromWire(status), request.request_id());
  ShowKey(response.key(), output);
  output.Show({{"check_value", response.key_check_value()}});
  return ExitCode::kOk;
}

ExitCode GetKey(const Connection& connection, const std::string& name, Output& output) {
  v1::GetKeyRequest request;
  request.set_name(name);
  v1::GetKeyResponse response;
  const auto stub = v1::KeyService::NewStub(connection.channel());
  const grpc::Status status = stub->GetKey(connection.Call().get(), request, &response);
  if (!status.ok()) return Report(FromWire(status));
  ShowKey(response.key(), output);
  return ExitCode::kOk;
}

ExitCode ListKeys(const Connection& connection, const std::string& tenant, Output& output) {
  const auto stub = v1::KeyService::NewStub(connection.channel());
  v1::ListKeysRequest request;
  request.set_parent(tenant);
  request.set_page_size(kPage);
  do {
    v1::ListKeysResponse response;
    const grpc::Status status = stub->ListKeys(connection.Call().get(), request, &response);
    if (!status.ok()) return Report(FromWire(status));
    std::vector<Fields> rows;
    for (const v1::Key& key : response.keys()) AddRows(key, rows);
    output.ShowAll(rows);
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return ExitCode::kOk;
}

ExitCode LockKeys(const Connection& connection, Output& output) {
  v1::LockKeysResponse response;
  const auto stub = v1::KeyService::NewStub(connection.channel());
  const grpc::Status status =
      stub->LockKeys(connection.Call().get(), v1::LockKeysRequest(), &response);
  if (!status.ok()) return Report(FromWire(status));
  output.Show({{"dropped", static_cast<std::int64_t>(response.dropped())}});
  return ExitCode::kOk;
}

ExitCode GetPublicKey(const Connection& connection, const PublicKeyOptions& options,
                      Output& output) {
  v1::GetPublicKeyRequest request;
  request.set_name(options.name);
  v1::GetPublicKeyResponse response;
  const auto stub = v1::SigningService::NewStub(connection.channel());
  const grpc::Status status = stub->GetPublicKey(connection.Call().get(), request, &response);
  if (!status.ok()) return Report(FromWire(status));
  if (options.certificate && response.certificate_pem().empty()) {
    return Report(Error(Reason::kFieldInvalid, "no certificate is attached to the version"));
  }
  const absl::Status written = WriteFile(
      options.out, options.certificate ? response.certificate_pem() : In(options.format, response));
  if (!written.ok()) return Report(written);
  if (options.out != "-") {
    output.Show({{"name", response.name()}, {"algorithm", response.algorithm()}});
  }
  return ExitCode::kOk;
}

}  // namespace keysvc::cli
