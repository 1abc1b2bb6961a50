#ifndef KEYSVC_KEYSVC_RPC_TOKEN_IMPORT_H_
#define KEYSVC_KEYSVC_RPC_TOKEN_IMPORT_H_

#include "keysvc/rpc/lane.h"
#include "keysvc/rpc/method_table.h"
#include "keysvc/rpc/reply.h"
#include "keysvc/v1/token_service.pb.h"
#include "policy/gate.h"
#include "tokenizer/profile.h"
#include "tokenizer/tokenizer.h"

namespace keysvc::rpc {

// ImportTokens of keysvc.v1.TokenService. Thread-safe; what it is given outlives it.
class TokenImport {
 public:
  TokenImport(const policy::Gate& gate, const tokenizer::Profiles& profiles,
              tokenizer::Tokenizer& tokenizer)
      : gate_(gate), profiles_(profiles), tokenizer_(tokenizer) {}

  void Register(MethodTable& methods, Lane& lane);

 private:
  void ImportTokens(v1::ImportTokensRequest& request, Reply<v1::ImportTokensResponse> reply);

  const policy::Gate& gate_;
  const tokenizer::Profiles& profiles_;
  tokenizer::Tokenizer& tokenizer_;
};

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_TOKEN_IMPORT_H_
