#include "bench/calls.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/cards.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/proto_buffer_reader.h"
#include "grpcpp/support/slice.h"
#include "keysvc/cli/connection.h"
#include "keysvc/v1/key_service.grpc.pb.h"
#include "keysvc/v1/signing_service.grpc.pb.h"
#include "keysvc/v1/token_service.grpc.pb.h"
#include "status/macros.h"

namespace keysvc::bench {
namespace {

constexpr std::uint64_t kRepeated = 1000;  // requests that are sent again and again
constexpr char kExpiry[] = "2031-12";
constexpr char kPurpose[] = "settlement";
constexpr char kMessage[] = R"({"order": 4711, "amount": 1250, "currency": "EUR"})";
constexpr std::chrono::seconds kDeadline(60);
constexpr std::size_t kFillers = 8;
constexpr std::uint64_t kSteps = 10;  // in which the filling is told

template <typename Message>
grpc::ByteBuffer BodyOf(const Message& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

template <typename Message>
bool Parse(grpc::ByteBuffer& body, Message& message) {
  grpc::ProtoBufferReader reader(&body);
  return message.ParseFromZeroCopyStream(&reader);
}

// Calls a method of a generated stub and waits.
template <typename Response, typename Stub, typename Method, typename Request>
absl::StatusOr<Response> Ask(Stub& stub, Method method, const Request& request) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kDeadline);
  Response response;
  RETURN_IF_ERROR(cli::FromWire((stub.*method)(&context, request, &response)));
  return response;
}

v1::SignRequest RequestToSign(const SigningKey& key) {
  v1::SignRequest request;
  request.set_name(key.name);
  request.set_message(key.message);
  return request;
}

std::string TenantOf(const std::string& profile) {
  const std::size_t begin = profile.find('/') + 1;
  return profile.substr(begin, profile.find('/', begin) - begin);
}

}  // namespace

absl::StatusOr<SigningKey> MakeSigningKey(const Clients& clients, const std::string& tenant,
                                          const std::string& key, bool rsa) {
  v1::CreateKeyRequest create;
  create.set_parent(absl::StrCat("tenants/", tenant));
  create.set_key_id(key);
  create.set_purpose(v1::KEY_PURPOSE_SIGN);
  create.set_algorithm(rsa ? v1::KEY_ALGORITHM_RSA_2048 : v1::KEY_ALGORITHM_EC_P256);
  create.set_cryptoperiod_days(1);
  v1::KeyService::Stub keys(clients.officer);
  ASSIGN_OR_RETURN(const auto made,
                   Ask<v1::CreateKeyResponse>(keys, &v1::KeyService::Stub::CreateKey, create));
  SigningKey signing{
      .name = made.key().name(), .message = kMessage, .signature = {}, .public_key = {}};
  v1::SigningService::Stub stub(clients.revealing.front());
  ASSIGN_OR_RETURN(auto signed_message, Ask<v1::SignResponse>(stub, &v1::SigningService::Stub::Sign,
                                                              RequestToSign(signing)));
  signing.signature = std::move(*signed_message.mutable_signature());
  v1::GetPublicKeyRequest which;
  which.set_name(signing.name);
  ASSIGN_OR_RETURN(auto half, Ask<v1::GetPublicKeyResponse>(
                                  stub, &v1::SigningService::Stub::GetPublicKey, which));
  signing.public_key = std::move(*half.mutable_der());
  return signing;
}

Calls::Calls(std::string profile, tokenizer::Family family, std::uint64_t first_card,
             std::uint64_t known)
    : profile_(std::move(profile)),
      family_(family),
      tenant_(TenantOf(profile_)),
      first_card_(first_card),
      known_(known),
      next_new_(first_card + known) {}

absl::Status Calls::Populate(const Clients& clients, const Progress& progress) {
  names_.assign(known_, {});
  std::atomic<std::uint64_t> next = 0;
  std::mutex mutex;
  absl::Status failure;
  const auto fill = [&](std::size_t number) {
    v1::TokenService::Stub stub(clients.tokenizing[number % clients.tokenizing.size()]);
    while (true) {
      const std::uint64_t from = next.fetch_add(kBatch);
      if (from >= known_) return;
      if (from * kSteps / known_ != (from + kBatch) * kSteps / known_ && from + kBatch < known_) {
        const std::lock_guard lock(mutex);
        progress(absl::StrCat("tokenizing: ", from + kBatch, " of ", known_));
      }
      v1::BatchTokenizeRequest request;
      request.set_parent(profile_);
      for (std::uint64_t n = from; n < std::min(known_, from + kBatch); ++n) {
        FillCard(*request.add_cards(), first_card_ + n);
      }
      auto response =
          Ask<v1::BatchTokenizeResponse>(stub, &v1::TokenService::Stub::BatchTokenize, request);
      if (!response.ok()) {
        const std::lock_guard lock(mutex);
        failure = response.status();
        return;
      }
      for (int i = 0; i < response->results_size(); ++i) {
        names_[from + static_cast<std::uint64_t>(i)] =
            std::move(*response->mutable_results(i)->mutable_token()->mutable_name());
      }
    }
  };
  std::vector<std::thread> fillers;
  for (std::size_t i = 0; i < kFillers; ++i) fillers.emplace_back(fill, i);
  for (std::thread& filler : fillers) filler.join();
  return failure;
}

std::uint64_t Calls::AnyOfKnown() {
  // Spread over all of them, so that no page of the store is favoured.
  constexpr std::uint64_t kStride = 7'368'787;
  return next_known_.fetch_add(1, std::memory_order_relaxed) * kStride % known_;
}

void Calls::FillCard(v1::Card& card, std::uint64_t n) const {
  card.set_pan(CardNumber(n));
  // Which tokens of this family have no place for.
  if (family_ != tokenizer::Family::kFf1) card.set_expiry(kExpiry);
}

std::string Calls::ProfileOfDigits() const {
  return family_ == tokenizer::Family::kOpaque ? std::string() : profile_;
}

grpc::ByteBuffer Calls::TokenizeBody(std::uint64_t card) const {
  v1::TokenizeRequest request;
  request.set_parent(profile_);
  FillCard(*request.mutable_card(), card);
  return BodyOf(request);
}

grpc::ByteBuffer Calls::TokenizeOnceBody(std::uint64_t card) const {
  v1::TokenizeRequest request;
  request.set_parent(profile_);
  FillCard(*request.mutable_card(), card);
  request.set_request_id(absl::StrFormat("00000000-0000-4000-8000-%012x", card));
  return BodyOf(request);
}

grpc::ByteBuffer Calls::BatchBody(absl::FunctionRef<std::uint64_t()> card) const {
  v1::BatchTokenizeRequest request;
  request.set_parent(profile_);
  for (std::size_t i = 0; i < kBatch; ++i) FillCard(*request.add_cards(), card());
  return BodyOf(request);
}

Call Calls::TokenizeNew() {
  return {.method = "/keysvc.v1.TokenService/Tokenize",
          .next = [this] { return TokenizeBody(next_new_.fetch_add(1)); },
          .is_right =
              [](grpc::ByteBuffer& body) {
                v1::TokenizeResponse response;
                return Parse(body, response) && !response.token().empty();
              }};
}

Call Calls::TokenizeKnown() {
  Call call = TokenizeNew();
  call.next = [this] { return TokenizeBody(first_card_ + AnyOfKnown()); };
  return call;
}

Call Calls::TokenizeOnce() {
  Call call = TokenizeNew();
  call.next = [this] { return TokenizeOnceBody(next_new_.fetch_add(1)); };
  return call;
}

Call Calls::TokenizeAgain() {
  Call call = TokenizeNew();
  // Few enough for the warm-up to send each of them the first time.
  call.next = [this] {
    return TokenizeOnceBody(first_card_ + AnyOfKnown() % std::min(known_, kRepeated));
  };
  return call;
}

Call Calls::TokenizeNewBatch() {
  return {.method = "/keysvc.v1.TokenService/BatchTokenize",
          .next =
              [this] {
                std::uint64_t card = next_new_.fetch_add(kBatch);
                return BatchBody([&card] { return card++; });
              },
          .is_right =
              [](grpc::ByteBuffer& body) {
                v1::BatchTokenizeResponse response;
                return Parse(body, response) && response.results_size() == kBatch &&
                       std::all_of(response.results().begin(), response.results().end(),
                                   [](const auto& result) { return result.has_token(); });
              },
          .items = kBatch};
}

Call Calls::TokenizeKnownBatch() {
  Call call = TokenizeNewBatch();
  call.next = [this] { return BatchBody([this] { return first_card_ + AnyOfKnown(); }); };
  return call;
}

Call Calls::Detokenize() {
  return {.method = "/keysvc.v1.TokenService/Detokenize",
          .next =
              [this] {
                v1::DetokenizeRequest request;
                request.set_name(names_[AnyOfKnown()]);
                request.set_profile(ProfileOfDigits());
                request.set_purpose(kPurpose);
                return BodyOf(request);
              },
          .is_right =
              [](grpc::ByteBuffer& body) {
                v1::DetokenizeResponse response;
                return Parse(body, response) && response.card().pan().size() == 16;
              }};
}

Call Calls::DetokenizeBatch() {
  return {.method = "/keysvc.v1.TokenService/BatchDetokenize",
          .next =
              [this] {
                v1::BatchDetokenizeRequest request;
                request.set_parent(absl::StrCat("tenants/", tenant_));
                request.set_profile(ProfileOfDigits());
                request.set_purpose(kPurpose);
                for (std::size_t i = 0; i < kBatch; ++i) request.add_names(names_[AnyOfKnown()]);
                return BodyOf(request);
              },
          .is_right =
              [](grpc::ByteBuffer& body) {
                v1::BatchDetokenizeResponse response;
                return Parse(body, response) && response.results_size() == kBatch &&
                       std::all_of(response.results().begin(), response.results().end(),
                                   [](const auto& result) {
                                     return result.card().card().pan().size() == 16;
                                   });
              },
          .items = kBatch};
}

Call Calls::Sign(const SigningKey& key) {
  return {.method = "/keysvc.v1.SigningService/Sign",
          .next = [request = RequestToSign(key)] { return BodyOf(request); },
          .is_right =
              [](grpc::ByteBuffer& body) {
                v1::SignResponse response;
                return Parse(body, response) && !response.signature().empty();
              }};
}

Call Calls::SignBatch(const SigningKey& key) {
  v1::BatchSignRequest request;
  request.set_name(key.name);
  for (std::size_t i = 0; i < kBatch; ++i) request.add_messages(key.message);
  return {.method = "/keysvc.v1.SigningService/BatchSign",
          .next = [request] { return BodyOf(request); },
          .is_right =
              [](grpc::ByteBuffer& body) {
                v1::BatchSignResponse response;
                return Parse(body, response) && response.results_size() == kBatch &&
                       std::all_of(response.results().begin(), response.results().end(),
                                   [](const auto& result) { return result.has_signature(); });
              },
          .items = kBatch};
}

Call Calls::VerifyBatch(const SigningKey& key) {
  v1::BatchVerifyRequest request;
  request.set_name(key.name);
  for (std::size_t i = 0; i < kBatch; ++i) {
    v1::SignedMessage& item = *request.add_signed_messages();
    item.set_message(key.message);
    item.set_signature(key.signature);
  }
  return {.method = "/keysvc.v1.SigningService/BatchVerify",
          .next = [request] { return BodyOf(request); },
          .is_right =
              [](grpc::ByteBuffer& body) {
                v1::BatchVerifyResponse response;
                return Parse(body, response) && response.results_size() == kBatch &&
                       std::all_of(
                           response.results().begin(), response.results().end(),
                           [](const auto& result) { return result.verification().valid(); });
              },
          .items = kBatch};
}

Call Calls::Verify(const SigningKey& key) {
  v1::VerifyRequest request;
  request.set_name(key.name);
  request.set_message(key.message);
  request.set_signature(key.signature);
  return {.method = "/keysvc.v1.SigningService/Verify",
          .next = [request] { return BodyOf(request); },
          .is_right =
              [](grpc::ByteBuffer& body) {
                v1::VerifyResponse response;
                return Parse(body, response) && response.valid();
              }};
}

Call Calls::GetPublicKey(const SigningKey& key) {
  v1::GetPublicKeyRequest request;
  request.set_name(key.name);
  return {.method = "/keysvc.v1.SigningService/GetPublicKey",
          .next = [request] { return BodyOf(request); },
          .is_right =
              [](grpc::ByteBuffer& body) {
                v1::GetPublicKeyResponse response;
                return Parse(body, response) && !response.der().empty();
              }};
}

Call Calls::Echo() const {
  return {.method = "/keysvc.bench/Echo",
          .next = [this] { return TokenizeBody(first_card_); },
          .is_right =
              [](grpc::ByteBuffer& body) {
                v1::TokenizeRequest request;
                return Parse(body, request) && request.has_card();
              }};
}

}  // namespace keysvc::bench
