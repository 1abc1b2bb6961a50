#include "keysvc/cli/partner_key_commands.h"

#include <cstddef>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "crypto/bytes.h"
#include "crypto/key_document.h"
#include "google/protobuf/timestamp.pb.h"
#include "keysvc/cli/file.h"
#include "keysvc/cli/request_id.h"
#include "keysvc/cli/timestamp.h"
#include "keysvc/cli/word.h"
#include "keysvc/v1/partner_key_service.grpc.pb.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::cli {
namespace {

constexpr std::string_view kPartnerKeys = "/partnerKeys/";
constexpr std::size_t kKeyLimit = std::size_t{16} << 10;
constexpr int kPage = 200;

Fields FieldsOf(const v1::PartnerKey& key) {
  return {{"name", key.name()},
          {"purpose", Word(v1::KeyPurpose_Name(key.purpose()), "KEY_PURPOSE_")},
          {"algorithm", Word(v1::KeyAlgorithm_Name(key.algorithm()), "KEY_ALGORITHM_")},
          {"state", Word(v1::PartnerKeyState_Name(key.state()), "PARTNER_KEY_STATE_")},
          {"not_before", Rfc3339(key.not_before_time())},
          {"not_after", Rfc3339(key.not_after_time())},
          {"kid", key.kid()},
          {"spki_sha256", key.spki_sha256()},
          {"created", Rfc3339(key.create_time())},
          {"registered_by", key.registered_by()}};
}

// What a day without a time of day stands for, as seconds of it: a key that is good until the 30th
// is good on the 30th.
constexpr absl::Duration kFirstSecond = absl::ZeroDuration();
constexpr absl::Duration kLastSecond = absl::Seconds(24 * 60 * 60 - 1);

// Sets nothing for an empty text.
absl::Status SetTime(std::string_view text, absl::Duration of_day, std::string_view field,
                     google::protobuf::Timestamp* (v1::CreatePartnerKeyRequest::*mutable_time)(),
                     v1::CreatePartnerKeyRequest& request) {
  if (text.empty()) return absl::OkStatus();
  absl::Time time;
  std::string why;
  if (absl::ParseTime("%Y-%m-%d", ToAbsl(text), &time, &why)) {
    time += of_day;
  } else if (!absl::ParseTime(absl::RFC3339_full, ToAbsl(text), &time, &why)) {
    return Error(Reason::kFieldInvalid, "a time is 2027-06-30 or 2027-06-30T12:00:00Z", field);
  }
  (request.*mutable_time)()->set_seconds(absl::ToUnixSeconds(time));
  return absl::OkStatus();
}

absl::StatusOr<v1::CreatePartnerKeyRequest> RequestOf(const CreatePartnerKeyOptions& options) {
  v1::CreatePartnerKeyRequest request;
  // "tenants/{tenant}/partnerKeys/{key}"; the service checks both halves.
  const std::size_t at = options.name.find(kPartnerKeys);
  request.set_parent(options.name.substr(0, at));
  if (at != std::string::npos) {
    request.set_partner_key_id(options.name.substr(at + kPartnerKeys.size()));
  }
  request.set_purpose(options.purpose);
  request.set_algorithm(options.algorithm);
  request.set_kid(options.kid);
  request.set_request_id(options.request_id.empty() ? NewRequestId() : options.request_id);
  RETURN_IF_ERROR(SetTime(options.not_before, kFirstSecond, "not_before_time",
                          &v1::CreatePartnerKeyRequest::mutable_not_before_time, request));
  RETURN_IF_ERROR(SetTime(options.not_after, kLastSecond, "not_after_time",
                          &v1::CreatePartnerKeyRequest::mutable_not_after_time, request));
  ASSIGN_OR_RETURN(*request.mutable_pem(), ReadFile(options.in, kKeyLimit));
  // What is no public key does not leave this machine.
  const auto usage = request.purpose() == v1::KEY_PURPOSE_SECRET_DELIVERY
                         ? crypto::KeyUsage::kKeyEncipherment
                         : crypto::KeyUsage::kDigitalSignature;
  const absl::Status read = crypto::ReadKeyDocument(request.pem(), "pem", usage).status();
  if (!read.ok()) crypto::Wipe(*request.mutable_pem());
  RETURN_IF_ERROR(read);
  return request;
}

}  // namespace

ExitCode CreatePartnerKey(const Connection& connection, const CreatePartnerKeyOptions& options,
                          Output& output) {
  const absl::StatusOr<v1::CreatePartnerKeyRequest> request = RequestOf(options);
  if (!request.ok()) return Report(request.status());
  v1::CreatePartnerKeyResponse response;
  const auto stub = v1::PartnerKeyService::NewStub(connection.channel());
  const grpc::Status status = stub->CreatePartnerKey(connection.Call().get(), *request, &response);
  if (!status.ok()) return Report(FromWire(status));
  output.Show(FieldsOf(response.partner_key()));
  return ExitCode::kOk;
}

ExitCode GetPartnerKey(const Connection& connection, const std::string& name, Output& output) {
  v1::GetPartnerKeyRequest request;
  request.set_name(name);
  v1::GetPartnerKeyResponse response;
  const auto stub = v1::PartnerKeyService::NewStub(connection.channel());
  const grpc::Status status = stub->GetPartnerKey(connection.Call().get(), request, &response);
  if (!status.ok()) return Report(FromWire(status));
  output.Show(FieldsOf(response.partner_key()));
  return ExitCode::kOk;
}

ExitCode ListPartnerKeys(const Connection& connection, const std::string& tenant, Output& output) {
  const auto stub = v1::PartnerKeyService::NewStub(connection.channel());
  v1::ListPartnerKeysRequest request;
  request.set_parent(tenant);
  request.set_page_size(kPage);
  do {
    v1::ListPartnerKeysResponse response;
    const grpc::Status status = stub->ListPartnerKeys(connection.Call().get(), request, &response);
    if (!status.ok()) return Report(FromWire(status));
    std::vector<Fields> rows;
    for (const v1::PartnerKey& key : response.partner_keys()) rows.push_back(FieldsOf(key));
    output.ShowAll(rows);
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return ExitCode::kOk;
}

ExitCode DisablePartnerKey(const Connection& connection, const DisablePartnerKeyOptions& options,
                           Output& output) {
  v1::DisablePartnerKeyRequest request;
  request.set_name(options.name);
  request.set_request_id(options.request_id.empty() ? NewRequestId() : options.request_id);
  v1::DisablePartnerKeyResponse response;
  const auto stub = v1::PartnerKeyService::NewStub(connection.channel());
  const grpc::Status status = stub->DisablePartnerKey(connection.Call().get(), request, &response);
  if (!status.ok()) return Report(FromWire(status));
  output.Show(FieldsOf(response.partner_key()));
  return ExitCode::kOk;
}

}  // namespace keysvc::cli
