#ifndef KEYSVC_KEYSVC_RPC_TOKEN_LISTING_H_
#define KEYSVC_KEYSVC_RPC_TOKEN_LISTING_H_

#include "keysvc/rpc/reply.h"
#include "keysvc/v1/token_service.pb.h"
#include "policy/gate.h"
#include "tokenizer/profile.h"
#include "tokenizer/tokenizer.h"

namespace keysvc::rpc {

// TokenService.ListTokens.
void ListTokens(const policy::Gate& gate, const tokenizer::Profiles& profiles,
                tokenizer::Tokenizer& tokenizer, const v1::ListTokensRequest& request,
                Reply<v1::ListTokensResponse> reply);

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_TOKEN_LISTING_H_
