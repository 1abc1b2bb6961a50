// Between the messages of the SigningService and what signer and verifier take.
#ifndef KEYSVC_KEYSVC_RPC_SIGNATURE_CONVERT_H_
#define KEYSVC_KEYSVC_RPC_SIGNATURE_CONVERT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "crypto/certification_request.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "http/message.h"
#include "keysvc/keys/open_banking_header.h"
#include "keysvc/keys/presented_signature.h"
#include "keysvc/keys/signature.h"
#include "keysvc/keys/signature_format.h"
#include "keysvc/keys/verifier.h"
#include "keysvc/v1/signing_service.pb.h"

namespace keysvc::rpc {

// A key, or one version of it, or a partner's key.
absl::StatusOr<keys::VerifyingKeyName> ParseVerifyingKey(std::string_view name);

// What a bare signature is to be over; the bytes move out of the request. FIELD_INVALID for a batch
// of both messages and digests, BATCH_SIZE unless it has 1 to 100.
using Formats = std::vector<std::shared_ptr<const keys::SignatureFormat>>;
absl::StatusOr<Formats> TakeFormats(v1::SignRequest& request);
absl::StatusOr<Formats> TakeFormats(v1::BatchSignRequest& request);
// Bare signatures as they are presented; the bytes move out of the request. BATCH_SIZE as above.
using Presented = std::vector<std::shared_ptr<const keys::PresentedSignature>>;
absl::StatusOr<Presented> TakePresented(v1::VerifyRequest& request);
absl::StatusOr<Presented> TakePresented(v1::BatchVerifyRequest& request);

crypto::CertificateSubject SubjectOf(const v1::CertificateSubject& message);
keys::OpenBankingHeader ToHeader(const v1::OpenBankingHeader& message);
http::Message TakeMessage(v1::HttpMessage& wire);
std::vector<http::Field> TakeFields(google::protobuf::RepeatedPtrField<v1::HttpField>& wire);

// nullopt, any age, for 0. FIELD_INVALID when it is negative.
absl::StatusOr<std::optional<absl::Duration>> MaxAgeOf(std::int64_t seconds);
// FIELD_REQUIRED or FIELD_INVALID for a signature that would be accepted for longer than its nonce
// is kept.
absl::Status CheckOnce(bool once, std::optional<absl::Duration> max_age);

v1::VerifyResponse ToMessage(const keys::Verification& verification);

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_SIGNATURE_CONVERT_H_
