#include "keysvc/rpc/rpc_status.h"

#include "absl/strings/str_cat.h"
#include "keysvc/v1/error_details.pb.h"
#include "status/abseil.h"

namespace keysvc::rpc {
namespace {

constexpr char kTypePrefix[] = "type.googleapis.com/google.rpc.";
constexpr char kDomain[] = "keysvc";

void AddDetail(v1::Status& status, const char* type, const google::protobuf::Message& detail) {
  v1::Detail& any = *status.add_details();
  any.set_type_url(absl::StrCat(kTypePrefix, type));
  any.set_value(detail.SerializeAsString());
}

v1::RetryInfo RetryDelay(Reason reason) {
  v1::RetryInfo retry;
  if (IsLimit(reason)) {
    // At the earliest: a step of the shortest window that the limit may count in.
    retry.mutable_retry_delay()->set_seconds(reason == Reason::kGuessesExhausted ? 3600 : 60);
    return retry;
  }
  // Load and conflicts pass at once; what is away takes longer to come back.
  const bool short_wait = reason == Reason::kOverloaded || reason == Reason::kConflict ||
                          reason == Reason::kLockedMemory;
  if (short_wait) {
    retry.mutable_retry_delay()->set_nanos(100'000'000);
  } else {
    retry.mutable_retry_delay()->set_seconds(1);
  }
  return retry;
}

}  // namespace

Reason WireReason(const absl::Status& status) {
  return ReasonOf(status).value_or(Reason::kInternal);
}

std::string WireMessage(const absl::Status& status) {
  // Both may come from the HSM, in its own words.
  if (ReasonOf(status) == Reason::kPinRefused) return "the service cannot log in to its HSM";
  if (ReasonOf(status) == Reason::kAlgorithmUnsupported) return "the key or the HSM cannot do this";
  switch (InfoOf(WireReason(status)).code) {
    case absl::StatusCode::kUnavailable:
      return "the service cannot do this now";
    case absl::StatusCode::kInternal:
      return "the service failed";
    case absl::StatusCode::kDataLoss:
      return "stored data does not authenticate";
    default:
      return std::string(status.message());
  }
}

grpc::Status ToWire(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const ReasonInfo& info = InfoOf(WireReason(status));
  const std::string message = WireMessage(status);

  v1::Status details;
  details.set_code(static_cast<int>(info.code));
  details.set_message(message);
  v1::ErrorInfo error;
  error.set_reason(std::string(info.name));
  error.set_domain(kDomain);
  AddDetail(details, "ErrorInfo", error);
  if (const std::string field = FieldOf(status); !field.empty()) {
    v1::BadRequest bad_request;
    v1::BadRequest::FieldViolation& violation = *bad_request.add_field_violations();
    violation.set_field(field);
    violation.set_description(message);
    AddDetail(details, "BadRequest", bad_request);
  }
  if (info.retryable) AddDetail(details, "RetryInfo", RetryDelay(info.reason));

  return {static_cast<grpc::StatusCode>(info.code), message, details.SerializeAsString()};
}

}  // namespace keysvc::rpc
