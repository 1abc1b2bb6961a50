#include "keysvc/rpc/token_listing.h"

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "keysvc/rpc/access.h"
#include "keysvc/rpc/convert.h"
#include "keysvc/rpc/page.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::rpc {
namespace {

absl::StatusOr<tokenizer::ListingQuery> QueryOf(const v1::ListTokensRequest& request) {
  tokenizer::ListingQuery query;
  query.filter = MetadataOf(request.filter());
  if (request.state() != v1::TOKEN_STATE_UNSPECIFIED) {
    if (!v1::TokenState_IsValid(request.state())) {
      return Error(Reason::kFieldInvalid, "there is no such state", "state");
    }
    query.state = tokenizer::TokenStateOf(static_cast<std::uint8_t>(request.state()));
  }
  ASSIGN_OR_RETURN(query.size, PageSizeOf(request.page_size()));
  if (!absl::WebSafeBase64Unescape(request.page_token(), &query.page)) {
    return Error(Reason::kFieldInvalid, "the page token is not one of this list", "page_token");
  }
  return query;
}

v1::ListTokensResponse ToMessage(const tokenizer::TokenPage& page) {
  v1::ListTokensResponse message;
  for (const tokenizer::ListedToken& token : page.tokens) {
    v1::ListedToken& listed = *message.add_tokens();
    listed.set_name(token.name);
    listed.set_state(ToWire(token.state));
    *listed.mutable_create_time() = ToTimestamp(token.created);
    if (!token.metadata.empty()) *listed.mutable_metadata() = rpc::ToMessage(token.metadata);
  }
  message.set_next_page_token(absl::WebSafeBase64Escape(page.next));
  return message;
}

}  // namespace

void ListTokens(const policy::Gate& gate, const tokenizer::Profiles& profiles,
                tokenizer::Tokenizer& tokenizer, const v1::ListTokensRequest& request,
                Reply<v1::ListTokensResponse> reply) {
  REFUSE_IF_ERROR(reply, CheckProfileName(request.parent()));
  ASSIGN_OR_REFUSE(reply, policy::Permit permit,
                   Authorize(gate, reply, policy::Action::kListTokens, request.parent()));
  ASSIGN_OR_REFUSE(reply, const tokenizer::Profile* profile, profiles.Find(request.parent()));
  ASSIGN_OR_REFUSE(reply, tokenizer::ListingQuery query, QueryOf(request));
  tokenizer::RequestFacts facts{.request_id = {}, .trace_id = reply.record().trace_id};
  tokenizer.List(std::move(permit), *profile, std::move(query), std::move(facts),
                 [reply = std::move(reply)](auto done) mutable {
                   reply.Answer(std::move(done), [](const auto& page) { return ToMessage(page); });
                 });
}

}  // namespace keysvc::rpc
