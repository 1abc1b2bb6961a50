#include "keysvc/cli/token_commands.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "keysvc/cli/card_reader.h"
#include "keysvc/cli/domain_options.h"
#include "keysvc/cli/item_error.h"
#include "keysvc/cli/metadata_options.h"
#include "keysvc/cli/request_id.h"
#include "keysvc/cli/timestamp.h"
#include "keysvc/v1/token_service.grpc.pb.h"

namespace keysvc::cli {
namespace {

constexpr int kBatch = 100;

// What a card is shown as. The whole number only on request and when the service gave it.
std::string Shown(const v1::DetokenizeResponse& card, bool reveal) {
  return reveal && card.reveal() == v1::REVEAL_FULL ? card.card().pan() : card.masked_pan();
}

std::string_view NameOf(v1::Reveal reveal) {
  switch (reveal) {
    case v1::REVEAL_FULL:
      return "full";
    case v1::REVEAL_MASKED:
      return "masked";
    default:
      return "last-four";
  }
}

// Puts names from `begin` on into a request, as many as one call may have: it is for one tenant,
// "tenants/{tenant}/tokens/{token}". Returns where the next call begins.
template <typename Request>
std::size_t TakeNames(const std::vector<std::string>& names, std::size_t begin, Request& request) {
  const auto tenant = [](const std::string& name) { return name.substr(0, name.find("/tokens/")); };
  request.set_parent(tenant(names[begin]));
  while (begin < names.size() && request.names_size() < kBatch &&
         tenant(names[begin]) == request.parent()) {
    request.add_names(names[begin++]);
  }
  return begin;
}

// Gives the rows of tokens a column for account references, before that of errors, where any token
// has one.
void AddAccountReferences(const auto& results, std::vector<Fields>& rows) {
  if constexpr (requires { results.Get(0).token().account_reference(); }) {
    const auto has_one = [](const auto& result) {
      return !result.token().account_reference().empty();
    };
    if (std::none_of(results.begin(), results.end(), has_one)) return;
    for (int i = 0; i < results.size(); ++i) {
      Fields& row = rows[static_cast<std::size_t>(i)];
      row.emplace(row.end() - 1, "account_reference", results.Get(i).token().account_reference());
    }
  }
}

// Sends all names to one of the batch methods that do something with tokens once. `fill` completes
// a request; `show` gives the columns of a result between those of the name and of the error.
template <typename Request, typename Response>
ExitCode DoOnce(const Connection& connection, const TokensOptions& options,
                grpc::Status (v1::TokenService::Stub::*method)(grpc::ClientContext*, const Request&,
                                                               Response*),
                auto fill, auto show, Output& output) {
  const auto stub = v1::TokenService::NewStub(connection.channel());
  const std::string id = options.request_id.empty() ? NewRequestId() : options.request_id;
  ExitCode code = ExitCode::kOk;
  std::uint32_t calls = 0;
  for (std::size_t begin = 0; begin < options.names.size();) {
    Request request;
    begin = TakeNames(options.names, begin, request);
    request.set_profile(options.profile);
    request.set_request_id(RequestIdOfCall(id, calls++));
    fill(request);
    Response response;
    const grpc::Status status = (stub.get()->*method)(connection.Call().get(), request, &response);
    if (!status.ok()) return ReportRepeatable(FromWire(status), id);
    if (response.results_size() != request.names_size()) {
      return Report(absl::InternalError("the service answered for another number of tokens"));
    }
    std::vector<Fields> rows;
    for (int i = 0; i < response.results_size(); ++i) {
      const auto& result = response.results(i);
      if (result.has_error()) code = ExitCode::kNo;
      Fields& row = rows.emplace_back();
      row.emplace_back("name", request.names(i));
      for (auto& field : show(result)) row.push_back(std::move(field));
      row.emplace_back("error", ErrorOf(result));
    }
    AddAccountReferences(response.results(), rows);
    output.ShowAll(rows);
  }
  return code;
}

template <typename Request, typename Response>
ExitCode ChangeStates(const Connection& connection, const TokensOptions& options, Output& output,
                      grpc::Status (v1::TokenService::Stub::*method)(grpc::ClientContext*,
                                                                     const Request&, Response*)) {
  return DoOnce<Request, Response>(
      connection, options, method, [](Request&) {},
      [](const v1::TokenStateResult& result) {
        return Fields{{"state", std::string(WordOf(result.state()))}};
      },
      output);
}

// What tokens of the family emv have besides.
void AddEmv(const auto& response, Fields& fields) {
  if (response.token_expiry().empty()) return;
  fields.emplace_back("token_expiry", response.token_expiry());
  fields.emplace_back("token_requestor_id", response.token_requestor_id());
}

void AddAccountReference(const auto& response, Fields& fields) {
  if (response.account_reference().empty()) return;
  fields.emplace_back("account_reference", response.account_reference());
}

void AddDomain(const v1::TokenDomain& domain, Fields& fields) {
  if (!domain.channel().empty()) fields.emplace_back("channel", domain.channel());
  if (!domain.merchant_id().empty()) fields.emplace_back("merchant_id", domain.merchant_id());
  if (!domain.has_amounts()) return;
  const v1::AmountBand& amounts = domain.amounts();
  fields.emplace_back(
      "amounts", absl::StrCat(amounts.currency_code(), ":", amounts.min(), "..", amounts.max()));
}

ExitCode TokenizeOne(v1::TokenService::Stub& stub, const Connection& connection,
                     const TokenizeOptions& options, v1::Card&& card, Output& output) {
  v1::TokenizeRequest request;
  request.set_parent(options.profile);
  request.set_request_id(options.request_id);
  *request.mutable_card() = std::move(card);
  if (IsStated(options.domain)) *request.mutable_domain() = options.domain;
  if (IsStated(options.metadata)) *request.mutable_metadata() = options.metadata;
  v1::TokenizeResponse response;
  const grpc::Status status = stub.Tokenize(connection.Call().get(), request, &response);
  Wipe(*request.mutable_card());
  if (!status.ok()) return Report(FromWire(status));
  Fields fields = {{"token", response.token()}, {"name", response.name()}};
  AddEmv(response, fields);
  AddAccountReference(response, fields);
  output.Show(fields);
  return ExitCode::kOk;
}

// A group of cards that go into one call, with the lines they came from.
template <typename Request>
struct Batch {
  Request request;
  std::vector<std::int64_t> lines;

  Batch() = default;
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;
  ~Batch() { Clear(); }

  // Reads cards until there are as many as a call may have. False when that was the end.
  absl::StatusOr<bool> Fill(CardReader& cards) {
    while (request.cards_size() < kBatch) {
      absl::StatusOr<bool> more = cards.Next(*request.add_cards());
      if (!more.ok()) return more;
      if (!*more) {
        request.mutable_cards()->RemoveLast();
        return false;
      }
      lines.push_back(cards.line());
    }
    return true;
  }

  void Clear() {
    for (v1::Card& card : *request.mutable_cards()) Wipe(card);
    request.clear_cards();
    lines.clear();
  }
};

ExitCode NoCard() {
  std::cerr << "error: there is no card to read" << std::endl;
  return ExitCode::kUsage;
}

ExitCode TokenizeBatch(v1::TokenService::Stub& stub, const Connection& connection,
                       Batch<v1::BatchTokenizeRequest>& batch, Output& output) {
  v1::BatchTokenizeResponse response;
  const grpc::Status status = stub.BatchTokenize(connection.Call().get(), batch.request, &response);
  if (!status.ok()) return Report(FromWire(status));
  if (response.results_size() != batch.request.cards_size()) {
    return Report(absl::InternalError("the service answered for another number of cards"));
  }
  ExitCode code = ExitCode::kOk;
  std::vector<Fields> rows;
  for (int i = 0; i < response.results_size(); ++i) {
    const v1::TokenizeResult& result = response.results(i);
    if (result.has_error()) code = ExitCode::kNo;
    rows.push_back({{"line", batch.lines[static_cast<std::size_t>(i)]},
                    {"token", result.token().token()},
                    {"name", result.token().name()},
                    {"error", ErrorOf(result)}});
  }
  AddAccountReferences(response.results(), rows);
  output.ShowAll(rows);
  return code;
}

// Asks something of every card, in calls of a batch method. `fill` completes a request; `show`
// gives the columns of a result between those of the line and of the error.
template <typename Request, typename Response>
ExitCode AskOfCards(const Connection& connection, const std::string& file,
                    grpc::Status (v1::TokenService::Stub::*method)(grpc::ClientContext*,
                                                                   const Request&, Response*),
                    auto fill, auto show, Output& output) {
  absl::StatusOr<CardReader> cards = CardReader::Open(file);
  if (!cards.ok()) return Report(cards.status());
  const auto stub = v1::TokenService::NewStub(connection.channel());
  ExitCode code = ExitCode::kOk;
  Batch<Request> batch;
  for (bool any = false;; any = true) {
    const absl::StatusOr<bool> more = batch.Fill(*cards);
    if (!more.ok()) return Report(more.status());
    if (batch.lines.empty()) return any ? code : NoCard();
    fill(batch.request);
    batch.request.set_request_id(NewRequestId());
    Response response;
    const grpc::Status status =
        (stub.get()->*method)(connection.Call().get(), batch.request, &response);
    if (!status.ok()) return Report(FromWire(status));
    if (response.results_size() != batch.request.cards_size()) {
      return Report(absl::InternalError("the service answered for another number of cards"));
    }
    std::vector<Fields> rows;
    for (int i = 0; i < response.results_size(); ++i) {
      const auto& result = response.results(i);
      if (result.has_error()) code = ExitCode::kNo;
      Fields& row = rows.emplace_back();
      row.emplace_back("line", batch.lines[static_cast<std::size_t>(i)]);
      for (auto& field : show(result)) row.push_back(std::move(field));
      row.emplace_back("error", ErrorOf(result));
    }
    AddAccountReferences(response.results(), rows);
    output.ShowAll(rows);
    batch.Clear();
    if (!*more) return code;
  }
}

}  // namespace

std::string_view WordOf(v1::TokenState state) {
  switch (state) {
    case v1::TOKEN_STATE_ACTIVE:
      return "active";
    case v1::TOKEN_STATE_SUSPENDED:
      return "suspended";
    case v1::TOKEN_STATE_DELETED:
      return "deleted";
    default:
      return "";
  }
}

ExitCode Tokenize(const Connection& connection, const TokenizeOptions& options, Output& output) {
  absl::StatusOr<CardReader> cards = CardReader::Open(options.file);
  if (!cards.ok()) return Report(cards.status());
  const auto stub = v1::TokenService::NewStub(connection.channel());
  TokenizeOptions once = options;
  if (once.request_id.empty()) once.request_id = NewRequestId();

  ExitCode code = ExitCode::kOk;
  Batch<v1::BatchTokenizeRequest> batch;
  for (std::uint32_t calls = 0;; ++calls) {
    const absl::StatusOr<bool> more = batch.Fill(*cards);
    if (!more.ok()) return Report(more.status());
    const int count = batch.request.cards_size();
    if (count == 0 && calls == 0) return NoCard();
    if (count == 0) break;
    if (count == 1 && calls == 0) {
      return TokenizeOne(*stub, connection, once, std::move(*batch.request.mutable_cards(0)),
                         output);
    }
    batch.request.set_parent(options.profile);
    batch.request.set_request_id(RequestIdOfCall(once.request_id, calls));
    batch.request.clear_domains();
    if (IsStated(options.domain)) *batch.request.add_domains() = options.domain;
    batch.request.clear_metadata();
    if (IsStated(options.metadata)) *batch.request.add_metadata() = options.metadata;
    const ExitCode done = TokenizeBatch(*stub, connection, batch, output);
    if (done == ExitCode::kUnavailable) {
      std::cerr << "to go on: repeat with --request-id " << once.request_id << std::endl;
      return done;
    }
    if (done != ExitCode::kOk) code = done;
    if (calls > 0 || *more) std::cerr << cards->line() << " lines done\n";
    batch.Clear();
    if (!*more) break;
  }
  return code;
}

ExitCode LookUpTokens(const Connection& connection, const LookUpOptions& options, Output& output) {
  return AskOfCards<v1::BatchLookUpTokensRequest, v1::BatchLookUpTokensResponse>(
      connection, options.file, &v1::TokenService::Stub::BatchLookUpTokens,
      [&](v1::BatchLookUpTokensRequest& request) { request.set_parent(options.profile); },
      [](const v1::LookUpTokenResult& result) {
        return Fields{{"token", result.token().token()},
                      {"name", result.token().name()},
                      {"state", std::string(WordOf(result.token().state()))}};
      },
      output);
}

ExitCode FingerprintCards(const Connection& connection, const FingerprintOptions& options,
                          Output& output) {
  return AskOfCards<v1::BatchFingerprintCardsRequest, v1::BatchFingerprintCardsResponse>(
      connection, options.file, &v1::TokenService::Stub::BatchFingerprintCards,
      [&](v1::BatchFingerprintCardsRequest& request) {
        request.set_parent(options.tenant);
        request.set_key_version(options.key_version);
      },
      [](const v1::FingerprintResult& result) {
        return Fields{{"fingerprint", result.fingerprint().fingerprint()}};
      },
      output);
}

ExitCode Detokenize(const Connection& connection, const DetokenizeOptions& options,
                    Output& output) {
  const auto stub = v1::TokenService::NewStub(connection.channel());
  if (options.names.size() == 1) {
    v1::DetokenizeRequest request;
    request.set_name(options.names.front());
    request.set_purpose(options.purpose);
    request.set_profile(options.profile);
    request.set_request_id(NewRequestId());
    if (IsStated(options.use)) *request.mutable_use() = options.use;
    if (options.risk_score.has_value()) request.set_risk_score(*options.risk_score);
    v1::DetokenizeResponse response;
    const grpc::Status status = stub->Detokenize(connection.Call().get(), request, &response);
    if (!status.ok()) return Report(FromWire(status));
    Fields fields = {{"pan", Shown(response, options.reveal)},
                     {"expiry", response.expiry()},
                     {"allowed", std::string(NameOf(response.reveal()))}};
    AddAccountReference(response, fields);
    if (options.reveal && !response.card().cardholder_name().empty()) {
      fields.emplace_back("cardholder_name", response.card().cardholder_name());
    }
    output.Show(fields);
    Wipe(*response.mutable_card());
    Wipe(fields);
    return ExitCode::kOk;
  }

  ExitCode code = ExitCode::kOk;
  for (std::size_t begin = 0; begin < options.names.size();) {
    v1::BatchDetokenizeRequest request;
    begin = TakeNames(options.names, begin, request);
    request.set_purpose(options.purpose);
    request.set_profile(options.profile);
    request.set_request_id(NewRequestId());
    if (IsStated(options.use)) *request.add_uses() = options.use;
    if (options.risk_score.has_value()) request.add_risk_scores(*options.risk_score);
    v1::BatchDetokenizeResponse response;
    const grpc::Status status = stub->BatchDetokenize(connection.Call().get(), request, &response);
    if (!status.ok()) return Report(FromWire(status));
    if (response.results_size() != request.names_size()) {
      return Report(absl::InternalError("the service answered for another number of tokens"));
    }
    std::vector<Fields> rows;
    for (int i = 0; i < response.results_size(); ++i) {
      v1::DetokenizeResult& result = *response.mutable_results(i);
      if (result.has_error()) code = ExitCode::kNo;
      rows.push_back({{"name", request.names(i)},
                      {"pan", Shown(result.card(), options.reveal)},
                      {"expiry", result.card().expiry()},
                      {"error", ErrorOf(result)}});
      if (result.has_card()) Wipe(*result.mutable_card()->mutable_card());
    }
    output.ShowAll(rows);
    for (Fields& row : rows) Wipe(row);
  }
  return code;
}

ExitCode GetToken(const Connection& connection, const GetTokenOptions& options, Output& output) {
  const auto stub = v1::TokenService::NewStub(connection.channel());
  v1::GetTokenRequest request;
  request.set_name(options.name);
  request.set_profile(options.profile);
  v1::GetTokenResponse response;
  const grpc::Status status = stub->GetToken(connection.Call().get(), request, &response);
  if (!status.ok()) return Report(FromWire(status));
  Fields fields = {{"name", response.name()},
                   {"profile", response.profile()},
                   {"state", std::string(WordOf(response.state()))},
                   {"pan", response.masked_pan()},
                   {"expiry", response.expiry()},
                   {"create_time", Rfc3339(response.create_time())},
                   {"data_key_version", std::int64_t{response.data_key_version()}}};
  if (response.has_expire_time()) {
    fields.emplace_back("expire_time", Rfc3339(response.expire_time()));
  }
  if (response.has_remaining_uses()) {
    fields.emplace_back("remaining_uses", std::int64_t{response.remaining_uses()});
  }
  AddEmv(response, fields);
  AddAccountReference(response, fields);
  AddDomain(response.domain(), fields);
  if (response.has_metadata()) {
    fields.emplace_back("metadata", TextOf(response.metadata().values()));
  }
  output.Show(fields);
  return ExitCode::kOk;
}

ExitCode ConvertTokens(const Connection& connection, const TokensOptions& options, Output& output) {
  return DoOnce<v1::BatchConvertTokensRequest, v1::BatchConvertTokensResponse>(
      connection, options, &v1::TokenService::Stub::BatchConvertTokens,
      [&](v1::BatchConvertTokensRequest& request) {
        request.set_target(options.target);
        if (IsStated(options.use)) *request.add_uses() = options.use;
        if (IsStated(options.domain)) *request.add_domains() = options.domain;
        if (IsStated(options.metadata)) *request.add_metadata() = options.metadata;
      },
      [](const v1::ConvertTokenResult& result) {
        return Fields{{"token", result.token().token()}, {"converted", result.token().name()}};
      },
      output);
}

ExitCode SuspendTokens(const Connection& connection, const TokensOptions& options, Output& output) {
  return ChangeStates(connection, options, output, &v1::TokenService::Stub::BatchSuspendTokens);
}

ExitCode ResumeTokens(const Connection& connection, const TokensOptions& options, Output& output) {
  return ChangeStates(connection, options, output, &v1::TokenService::Stub::BatchResumeTokens);
}

ExitCode DeleteTokens(const Connection& connection, const TokensOptions& options, Output& output) {
  return ChangeStates(connection, options, output, &v1::TokenService::Stub::BatchDeleteTokens);
}

}  // namespace keysvc::cli
