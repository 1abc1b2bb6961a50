#ifndef KEYSVC_KEYSVC_RPC_TOKEN_IMPORT_H_
#define KEYSVC_KEYSVC_RPC_TOKEN_IMPORT_H_

#include "keysvc/rpc/reply.h"
#include "keysvc/v1/token_service.pb.h"
#include "policy/gate.h"
#include "tokenizer/profile.h"
#include "tokenizer/tokenizer.h"

namespace keysvc::rpc {

// TokenService.ImportTokens.
void ImportTokens(const policy::Gate& gate, const tokenizer::Profiles& profiles,
                  tokenizer::Tokenizer& tokenizer, v1::ImportTokensRequest& request,
                  Reply<v1::ImportTokensResponse> reply);

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_TOKEN_IMPORT_H_
