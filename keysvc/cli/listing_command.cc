#include "keysvc/cli/listing_command.h"

#include <vector>

#include "keysvc/cli/timestamp.h"
#include "keysvc/cli/token_commands.h"
#include "keysvc/v1/token_service.grpc.pb.h"

namespace keysvc::cli {
namespace {

constexpr int kPage = 200;

}  // namespace

ExitCode ListTokens(const Connection& connection, const ListingOptions& options, Output& output) {
  const auto stub = v1::TokenService::NewStub(connection.channel());
  v1::ListTokensRequest request;
  request.set_parent(options.profile);
  *request.mutable_filter() = options.filter;
  request.set_state(options.state);
  request.set_page_size(kPage);
  do {
    v1::ListTokensResponse response;
    const grpc::Status status = stub->ListTokens(connection.Call().get(), request, &response);
    if (!status.ok()) return Report(FromWire(status));
    std::vector<Fields> rows;
    for (const v1::ListedToken& token : response.tokens()) {
      rows.push_back({{"name", token.name()},
                      {"state", std::string(WordOf(token.state()))},
                      {"create_time", Rfc3339(token.create_time())},
                      {"metadata", TextOf(token.metadata().values())}});
    }
    output.ShowAll(rows);
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return ExitCode::kOk;
}

}  // namespace keysvc::cli
