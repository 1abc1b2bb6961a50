#include "keysvc/cli/update_command.h"

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "keysvc/cli/card_reader.h"
#include "keysvc/cli/request_id.h"
#include "keysvc/v1/token_service.grpc.pb.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::cli {
namespace {

constexpr std::size_t kMostCards = 100;  // of one call

std::string TenantOf(const std::string& name) { return name.substr(0, name.find("/tokens/")); }

// The tokens with their cards; whoever gets it wipes it.
absl::Status Read(const UpdateOptions& options, v1::BatchUpdateTokenCardsRequest& request) {
  if (options.names.size() > kMostCards) {
    return Error(Reason::kBatchSize, "at most 100 tokens are updated at once");
  }
  ASSIGN_OR_RETURN(CardReader cards, CardReader::Open(options.file));
  request.set_parent(TenantOf(options.names.front()));
  for (const std::string& name : options.names) {
    v1::TokenCard& update = *request.add_updates();
    update.set_name(name);
    ASSIGN_OR_RETURN(const bool another, cards.Next(*update.mutable_card()));
    if (!another) return Error(Reason::kFieldRequired, "there are fewer cards than tokens", "card");
    if (TenantOf(name) != request.parent()) {
      return Error(Reason::kFieldInvalid, "the tokens are of several tenants", "names");
    }
  }
  v1::Card rest;
  ASSIGN_OR_RETURN(const bool more, cards.Next(rest));
  Wipe(rest);
  if (more) return Error(Reason::kFieldInvalid, "there are more cards than tokens", "card");
  return absl::OkStatus();
}

ExitCode Send(const Connection& connection, const v1::BatchUpdateTokenCardsRequest& request,
              Output& output) {
  const auto stub = v1::TokenService::NewStub(connection.channel());
  v1::BatchUpdateTokenCardsResponse response;
  const grpc::Status status =
      stub->BatchUpdateTokenCards(connection.Call().get(), request, &response);
  if (!status.ok()) return ReportRepeatable(FromWire(status), request.request_id());
  if (response.results_size() != request.updates_size()) {
    return Report(absl::InternalError("the service answered for another number of tokens"));
  }
  ExitCode code = ExitCode::kOk;
  std::vector<Fields> rows;
  for (int i = 0; i < response.results_size(); ++i) {
    const v1::UpdateTokenCardResult& result = response.results(i);
    std::string error;
    if (result.has_error()) {
      code = ExitCode::kNo;
      error = absl::StrCat(result.error().reason(), ": ", result.error().message());
    }
    rows.push_back({{"name", request.updates(i).name()},
                    {"updated", std::string(result.has_error() ? "no" : "yes")},
                    {"error", std::move(error)}});
  }
  output.ShowAll(rows);
  return code;
}

}  // namespace

ExitCode UpdateTokenCards(const Connection& connection, const UpdateOptions& options,
                          Output& output) {
  v1::BatchUpdateTokenCardsRequest request;
  request.set_profile(options.profile);
  request.set_request_id(options.request_id.empty() ? NewRequestId() : options.request_id);
  const absl::Status read = Read(options, request);
  const ExitCode code = read.ok() ? Send(connection, request, output) : Report(read);
  for (v1::TokenCard& update : *request.mutable_updates()) Wipe(*update.mutable_card());
  return code;
}

}  // namespace keysvc::cli
