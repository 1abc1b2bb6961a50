#ifndef KEYSVC_KEYSVC_RPC_TOKEN_SERVICE_H_
#define KEYSVC_KEYSVC_RPC_TOKEN_SERVICE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "keysvc/rpc/lane.h"
#include "keysvc/rpc/method_table.h"
#include "keysvc/rpc/reply.h"
#include "keysvc/v1/token_service.pb.h"
#include "policy/gate.h"
#include "tokenizer/profile.h"
#include "tokenizer/tokenizer.h"

namespace keysvc::rpc {

// keysvc.v1.TokenService over the tokenizer. Thread-safe; what it is given outlives it.
class TokenService {
 public:
  TokenService(const policy::Gate& gate, const tokenizer::Profiles& profiles,
               tokenizer::Tokenizer& tokenizer)
      : gate_(gate), profiles_(profiles), tokenizer_(tokenizer) {}

  void Register(MethodTable& methods, Lane& lane);

 private:
  void Tokenize(v1::TokenizeRequest& request, Reply<v1::TokenizeResponse> reply);
  void BatchTokenize(v1::BatchTokenizeRequest& request, Reply<v1::BatchTokenizeResponse> reply);
  void LookUpToken(v1::LookUpTokenRequest& request, Reply<v1::LookUpTokenResponse> reply);
  void BatchLookUpTokens(v1::BatchLookUpTokensRequest& request,
                         Reply<v1::BatchLookUpTokensResponse> reply);
  void Detokenize(v1::DetokenizeRequest& request, Reply<v1::DetokenizeResponse> reply);
  void BatchDetokenize(v1::BatchDetokenizeRequest& request,
                       Reply<v1::BatchDetokenizeResponse> reply);
  void ConvertToken(v1::ConvertTokenRequest& request, Reply<v1::ConvertTokenResponse> reply);
  void BatchConvertTokens(v1::BatchConvertTokensRequest& request,
                          Reply<v1::BatchConvertTokensResponse> reply);
  void GetToken(v1::GetTokenRequest& request, Reply<v1::GetTokenResponse> reply);
  void BatchGetTokens(v1::BatchGetTokensRequest& request, Reply<v1::BatchGetTokensResponse> reply);
  void FingerprintCard(v1::FingerprintCardRequest& request,
                       Reply<v1::FingerprintCardResponse> reply);
  void BatchFingerprintCards(v1::BatchFingerprintCardsRequest& request,
                             Reply<v1::BatchFingerprintCardsResponse> reply);
  void GetRetentionReport(v1::GetRetentionReportRequest& request,
                          StreamReply<v1::GetRetentionReportResponse> reply);
  void UpdateTokenCard(v1::UpdateTokenCardRequest& request,
                       Reply<v1::UpdateTokenCardResponse> reply);
  void BatchUpdateTokenCards(v1::BatchUpdateTokenCardsRequest& request,
                             Reply<v1::BatchUpdateTokenCardsResponse> reply);
  // Of one token or several, with what is stated of them; `answer` makes the response of what
  // became of them.
  template <typename Request, typename Uses, typename Domains, typename Metadata, typename Response,
            typename Answer>
  void Convert(const Request& request, std::string tenant,
               std::vector<absl::StatusOr<tokenizer::TokenName>> names, const Uses& uses,
               const Domains& domains, const Metadata& metadata, Reply<Response> reply,
               Answer answer);
  // Of one token, and of several: `action` brings tokens into `state`.
  template <typename Request, typename Response>
  void ChangeState(const Request& request, policy::Action action, tokenizer::TokenState state,
                   Reply<Response> reply);
  template <typename Request, typename Response>
  void ChangeStates(const Request& request, policy::Action action, tokenizer::TokenState state,
                    Reply<Response> reply);

  const policy::Gate& gate_;
  const tokenizer::Profiles& profiles_;
  tokenizer::Tokenizer& tokenizer_;
};

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_TOKEN_SERVICE_H_
