#include "keysvc/rpc/token_service.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "keysvc/rpc/access.h"
#include "keysvc/rpc/convert.h"
#include "status/reason.h"

namespace keysvc::rpc {
namespace {

using tokenizer::CardData;
using tokenizer::RequestFacts;
using tokenizer::TokenName;
using tokenizer::TokensOf;
using tokenizer::TokenState;

v1::FingerprintCardResponse ToMessage(const std::string& fingerprint, std::uint32_t key_version) {
  v1::FingerprintCardResponse message;
  message.set_fingerprint(fingerprint);
  message.set_key_version(key_version);
  return message;
}

// The names of a batch, which are all of the profile that the request says.
std::vector<absl::StatusOr<TokenName>> NamesOf(const auto& request) {
  std::vector<absl::StatusOr<TokenName>> names;
  names.reserve(static_cast<std::size_t>(request.names_size()));
  for (const std::string& text : request.names()) {
    names.push_back(TokenName::Parse(text));
    if (names.back().ok()) names.back()->profile = request.profile();
  }
  return names;
}

RequestFacts FactsOf(AnyReply& reply) {
  return {.request_id = reply.record().request_id, .trace_id = reply.record().trace_id};
}

}  // namespace

void TokenService::Register(MethodTable& methods, Lane& lane) {
  methods.AddUnary<v1::TokenizeRequest, v1::TokenizeResponse>(
      "TokenService", "Tokenize", lane,
      [this](auto& request, auto reply) { Tokenize(request, std::move(reply)); });
  methods.AddUnary<v1::BatchTokenizeRequest, v1::BatchTokenizeResponse>(
      "TokenService", "BatchTokenize", lane,
      [this](auto& request, auto reply) { BatchTokenize(request, std::move(reply)); });
  methods.AddUnary<v1::LookUpTokenRequest, v1::LookUpTokenResponse>(
      "TokenService", "LookUpToken", lane,
      [this](auto& request, auto reply) { LookUpToken(request, std::move(reply)); });
  methods.AddUnary<v1::BatchLookUpTokensRequest, v1::BatchLookUpTokensResponse>(
      "TokenService", "BatchLookUpTokens", lane,
      [this](auto& request, auto reply) { BatchLookUpTokens(request, std::move(reply)); });
  methods.AddUnary<v1::DetokenizeRequest, v1::DetokenizeResponse>(
      "TokenService", "Detokenize", lane,
      [this](auto& request, auto reply) { Detokenize(request, std::move(reply)); });
  methods.AddUnary<v1::BatchDetokenizeRequest, v1::BatchDetokenizeResponse>(
      "TokenService", "BatchDetokenize", lane,
      [this](auto& request, auto reply) { BatchDetokenize(request, std::move(reply)); });
  methods.AddUnary<v1::ConvertTokenRequest, v1::ConvertTokenResponse>(
      "TokenService", "ConvertToken", lane,
      [this](auto& request, auto reply) { ConvertToken(request, std::move(reply)); });
  methods.AddUnary<v1::BatchConvertTokensRequest, v1::BatchConvertTokensResponse>(
      "TokenService", "BatchConvertTokens", lane,
      [this](auto& request, auto reply) { BatchConvertTokens(request, std::move(reply)); });
  methods.AddUnary<v1::GetTokenRequest, v1::GetTokenResponse>(
      "TokenService", "GetToken", lane,
      [this](auto& request, auto reply) { GetToken(request, std::move(reply)); });
  methods.AddUnary<v1::FingerprintCardRequest, v1::FingerprintCardResponse>(
      "TokenService", "FingerprintCard", lane,
      [this](auto& request, auto reply) { FingerprintCard(request, std::move(reply)); });
  methods.AddUnary<v1::BatchFingerprintCardsRequest, v1::BatchFingerprintCardsResponse>(
      "TokenService", "BatchFingerprintCards", lane,
      [this](auto& request, auto reply) { BatchFingerprintCards(request, std::move(reply)); });
  methods.AddUnary<v1::SuspendTokenRequest, v1::SuspendTokenResponse>(
      "TokenService", "SuspendToken", lane, [this](auto& request, auto reply) {
        ChangeState(request, policy::Action::kSuspendToken, TokenState::kSuspended,
                    std::move(reply));
      });
  methods.AddUnary<v1::BatchSuspendTokensRequest, v1::BatchSuspendTokensResponse>(
      "TokenService", "BatchSuspendTokens", lane, [this](auto& request, auto reply) {
        ChangeStates(request, policy::Action::kSuspendToken, TokenState::kSuspended,
                     std::move(reply));
      });
  methods.AddUnary<v1::ResumeTokenRequest, v1::ResumeTokenResponse>(
      "TokenService", "ResumeToken", lane, [this](auto& request, auto reply) {
        ChangeState(request, policy::Action::kResumeToken, TokenState::kActive, std::move(reply));
      });
  methods.AddUnary<v1::BatchResumeTokensRequest, v1::BatchResumeTokensResponse>(
      "TokenService", "BatchResumeTokens", lane, [this](auto& request, auto reply) {
        ChangeStates(request, policy::Action::kResumeToken, TokenState::kActive, std::move(reply));
      });
  methods.AddUnary<v1::DeleteTokenRequest, v1::DeleteTokenResponse>(
      "TokenService", "DeleteToken", lane, [this](auto& request, auto reply) {
        ChangeState(request, policy::Action::kDeleteToken, TokenState::kDeleted, std::move(reply));
      });
  methods.AddUnary<v1::BatchDeleteTokensRequest, v1::BatchDeleteTokensResponse>(
      "TokenService", "BatchDeleteTokens", lane, [this](auto& request, auto reply) {
        ChangeStates(request, policy::Action::kDeleteToken, TokenState::kDeleted, std::move(reply));
      });
}

void TokenService::Tokenize(v1::TokenizeRequest& request, Reply<v1::TokenizeResponse> reply) {
  REFUSE_IF_ERROR(reply, CheckProfileName(request.parent()));
  ASSIGN_OR_REFUSE(
      reply, policy::Permit permit,
      Authorize(gate_, reply, policy::Action::kTokenize, request.parent(), request.request_id()));
  ASSIGN_OR_REFUSE(reply, const tokenizer::Profile* profile, profiles_.Find(request.parent()));
  if (!request.has_card()) {
    return reply.RecordAndRefuse(Error(Reason::kFieldRequired, "the card is required", "card"));
  }
  std::vector<absl::StatusOr<CardData>> cards;
  cards.push_back(TakeCard(*request.mutable_card()));

  RequestFacts facts = FactsOf(reply);
  tokenizer_.Tokenize(std::move(permit), *profile, std::move(cards), std::move(facts),
                      [reply = std::move(reply), profile](auto done) mutable {
                        reply.Answer(
                            std::move(done),
                            [profile](auto tokens) -> absl::StatusOr<v1::TokenizeResponse> {
                              if (!tokens.at(0).ok()) return tokens[0].status();
                              return ToMessage(*tokens[0], *profile);
                            });
                      });
}

void TokenService::BatchTokenize(v1::BatchTokenizeRequest& request,
                                 Reply<v1::BatchTokenizeResponse> reply) {
  REFUSE_IF_ERROR(reply, CheckProfileName(request.parent()));
  ASSIGN_OR_REFUSE(
      reply, policy::Permit permit,
      Authorize(gate_, reply, policy::Action::kTokenize, request.parent(), request.request_id()));
  ASSIGN_OR_REFUSE(reply, const tokenizer::Profile* profile, profiles_.Find(request.parent()));
  REFUSE_IF_ERROR(reply, CheckBatchSize(request.cards_size()));
  std::vector<absl::StatusOr<CardData>> cards;
  for (v1::Card& card : *request.mutable_cards()) cards.push_back(TakeCard(card));

  RequestFacts facts = FactsOf(reply);
  tokenizer_.Tokenize(std::move(permit), *profile, std::move(cards), std::move(facts),
                      [reply = std::move(reply), profile](auto done) mutable {
                        reply.Answer(std::move(done), [&reply, profile](auto tokens) {
                          v1::BatchTokenizeResponse message;
                          for (const auto& token : tokens) {
                            v1::TokenizeResult& result = *message.add_results();
                            if (token.ok()) {
                              *result.mutable_token() = ToMessage(*token, *profile);
                            } else {
                              reply.Note(token.status());
                              *result.mutable_error() = ToItemError(token.status());
                            }
                          }
                          return message;
                        });
                      });
}

void TokenService::LookUpToken(v1::LookUpTokenRequest& request,
                               Reply<v1::LookUpTokenResponse> reply) {
  REFUSE_IF_ERROR(reply, CheckProfileName(request.parent()));
  ASSIGN_OR_REFUSE(reply, policy::Permit permit,
                   Authorize(gate_, reply, policy::Action::kLookUpToken, request.parent(),
                             request.request_id()));
  ASSIGN_OR_REFUSE(reply, const tokenizer::Profile* profile, profiles_.Find(request.parent()));
  if (!request.has_card()) {
    return reply.RecordAndRefuse(Error(Reason::kFieldRequired, "the card is required", "card"));
  }
  std::vector<absl::StatusOr<CardData>> cards;
  cards.push_back(TakeCard(*request.mutable_card()));

  RequestFacts facts = FactsOf(reply);
  tokenizer_.LookUp(std::move(permit), *profile, std::move(cards), std::move(facts),
                    [reply = std::move(reply)](auto done) mutable {
                      reply.Answer(
                          std::move(done),
                          [](const auto& tokens) -> absl::StatusOr<v1::LookUpTokenResponse> {
                            if (!tokens.at(0).ok()) return tokens[0].status();
                            return ToMessage(*tokens[0]);
                          });
                    });
}

void TokenService::BatchLookUpTokens(v1::BatchLookUpTokensRequest& request,
                                     Reply<v1::BatchLookUpTokensResponse> reply) {
  REFUSE_IF_ERROR(reply, CheckProfileName(request.parent()));
  ASSIGN_OR_REFUSE(reply, policy::Permit permit,
                   Authorize(gate_, reply, policy::Action::kLookUpToken, request.parent(),
                             request.request_id()));
  ASSIGN_OR_REFUSE(reply, const tokenizer::Profile* profile, profiles_.Find(request.parent()));
  REFUSE_IF_ERROR(reply, CheckBatchSize(request.cards_size()));
  std::vector<absl::StatusOr<CardData>> cards;
  for (v1::Card& card : *request.mutable_cards()) cards.push_back(TakeCard(card));

  RequestFacts facts = FactsOf(reply);
  tokenizer_.LookUp(std::move(permit), *profile, std::move(cards), std::move(facts),
                    [reply = std::move(reply)](auto done) mutable {
                      reply.Answer(std::move(done), [&reply](const auto& tokens) {
                        v1::BatchLookUpTokensResponse message;
                        for (const auto& token : tokens) {
                          v1::LookUpTokenResult& result = *message.add_results();
                          if (token.ok()) {
                            *result.mutable_token() = ToMessage(*token);
                          } else {
                            reply.Note(token.status());
                            *result.mutable_error() = ToItemError(token.status());
                          }
                        }
                        return message;
                      });
                    });
}

void TokenService::Detokenize(v1::DetokenizeRequest& request, Reply<v1::DetokenizeResponse> reply) {
  ASSIGN_OR_REFUSE(reply, TokenName name, TokenName::Parse(request.name()));
  ASSIGN_OR_REFUSE(reply, policy::Permit permit,
                   Authorize(gate_, reply, policy::Action::kDetokenize, TokensOf(name.tenant),
                             request.request_id(), request.purpose()));
  REFUSE_IF_ERROR(reply, CheckTokensProfile(request.profile(), name.tenant));
  name.profile = request.profile();
  std::string tenant = name.tenant;
  std::vector<absl::StatusOr<TokenName>> names;
  names.push_back(std::move(name));

  RequestFacts facts = FactsOf(reply);
  tokenizer_.Detokenize(std::move(permit), std::move(tenant), std::move(names), std::move(facts),
                        [reply = std::move(reply)](auto done) mutable {
                          reply.Answer(std::move(done),
                                       [](auto cards) -> absl::StatusOr<v1::DetokenizeResponse> {
                                         if (!cards.at(0).ok()) return cards[0].status();
                                         return ToMessage(*cards[0]);
                                       });
                        });
}

void TokenService::BatchDetokenize(v1::BatchDetokenizeRequest& request,
                                   Reply<v1::BatchDetokenizeResponse> reply) {
  ASSIGN_OR_REFUSE(reply, std::string tenant, TenantOf(request.parent()));
  ASSIGN_OR_REFUSE(reply, policy::Permit permit,
                   Authorize(gate_, reply, policy::Action::kDetokenize, TokensOf(tenant),
                             request.request_id(), request.purpose()));
  REFUSE_IF_ERROR(reply, CheckTokensProfile(request.profile(), tenant));
  REFUSE_IF_ERROR(reply, CheckBatchSize(request.names_size()));
  std::vector<absl::StatusOr<TokenName>> names = NamesOf(request);

  RequestFacts facts = FactsOf(reply);
  tokenizer_.Detokenize(std::move(permit), std::move(tenant), std::move(names), std::move(facts),
                        [reply = std::move(reply)](auto done) mutable {
                          reply.Answer(std::move(done), [&reply](auto cards) {
                            v1::BatchDetokenizeResponse message;
                            for (const auto& card : cards) {
                              v1::DetokenizeResult& result = *message.add_results();
                              if (card.ok()) {
                                *result.mutable_card() = ToMessage(*card);
                              } else {
                                reply.Note(card.status());
                                *result.mutable_error() = ToItemError(card.status());
                              }
                            }
                            return message;
                          });
                        });
}

void TokenService::ConvertToken(v1::ConvertTokenRequest& request,
                                Reply<v1::ConvertTokenResponse> reply) {
  ASSIGN_OR_REFUSE(reply, TokenName name, TokenName::Parse(request.name()));
  REFUSE_IF_ERROR(reply, CheckProfileName(request.target(), "target"));
  ASSIGN_OR_REFUSE(reply, policy::Permit from,
                   Authorize(gate_, reply, policy::Action::kConvertToken, TokensOf(name.tenant),
                             request.request_id()));
  REFUSE_IF_ERROR(reply, CheckTokensProfile(request.profile(), name.tenant));
  ASSIGN_OR_REFUSE(reply, policy::Permit to,
                   Authorize(gate_, reply, policy::Action::kConvertToken, request.target(),
                             request.request_id()));
  ASSIGN_OR_REFUSE(reply, const tokenizer::Profile* target, profiles_.Find(request.target()));
  name.profile = request.profile();
  std::string tenant = name.tenant;
  std::vector<absl::StatusOr<TokenName>> names;
  names.push_back(std::move(name));

  RequestFacts facts = FactsOf(reply);
  tokenizer_.Convert(std::move(from), std::move(tenant), std::move(names), std::move(to), *target,
                     std::move(facts), [reply = std::move(reply), target](auto done) mutable {
                       reply.Answer(
                           std::move(done),
                           [target](auto tokens) -> absl::StatusOr<v1::ConvertTokenResponse> {
                             if (!tokens.at(0).ok()) return tokens[0].status();
                             return ToConverted(*tokens[0], *target);
                           });
                     });
}

void TokenService::BatchConvertTokens(v1::BatchConvertTokensRequest& request,
                                      Reply<v1::BatchConvertTokensResponse> reply) {
  ASSIGN_OR_REFUSE(reply, std::string tenant, TenantOf(request.parent()));
  REFUSE_IF_ERROR(reply, CheckProfileName(request.target(), "target"));
  ASSIGN_OR_REFUSE(reply, policy::Permit from,
                   Authorize(gate_, reply, policy::Action::kConvertToken, TokensOf(tenant),
                             request.request_id()));
  REFUSE_IF_ERROR(reply, CheckTokensProfile(request.profile(), tenant));
  ASSIGN_OR_REFUSE(reply, policy::Permit to,
                   Authorize(gate_, reply, policy::Action::kConvertToken, request.target(),
                             request.request_id()));
  ASSIGN_OR_REFUSE(reply, const tokenizer::Profile* target, profiles_.Find(request.target()));
  REFUSE_IF_ERROR(reply, CheckBatchSize(request.names_size()));
  std::vector<absl::StatusOr<TokenName>> names = NamesOf(request);

  RequestFacts facts = FactsOf(reply);
  tokenizer_.Convert(std::move(from), std::move(tenant), std::move(names), std::move(to), *target,
                     std::move(facts), [reply = std::move(reply), target](auto done) mutable {
                       reply.Answer(std::move(done), [&reply, target](const auto& tokens) {
                         v1::BatchConvertTokensResponse message;
                         for (const auto& token : tokens) {
                           v1::ConvertTokenResult& result = *message.add_results();
                           if (token.ok()) {
                             *result.mutable_token() = ToConverted(*token, *target);
                           } else {
                             reply.Note(token.status());
                             *result.mutable_error() = ToItemError(token.status());
                           }
                         }
                         return message;
                       });
                     });
}

template <typename Request, typename Response>
void TokenService::ChangeState(const Request& request, policy::Action action, TokenState state,
                               Reply<Response> reply) {
  ASSIGN_OR_REFUSE(reply, TokenName name, TokenName::Parse(request.name()));
  ASSIGN_OR_REFUSE(reply, policy::Permit permit,
                   Authorize(gate_, reply, action, TokensOf(name.tenant), request.request_id()));
  REFUSE_IF_ERROR(reply, CheckTokensProfile(request.profile(), name.tenant));
  name.profile = request.profile();
  std::string tenant = name.tenant;
  std::vector<absl::StatusOr<TokenName>> names;
  names.push_back(std::move(name));

  RequestFacts facts = FactsOf(reply);
  tokenizer_.ChangeState(std::move(permit), std::move(tenant), std::move(names), state,
                         std::move(facts), [reply = std::move(reply), state](auto done) mutable {
                           reply.Answer(std::move(done),
                                        [state](const auto& results) -> absl::StatusOr<Response> {
                                          if (!results.at(0).ok()) return results[0];
                                          Response message;
                                          message.set_state(ToWire(state));
                                          return message;
                                        });
                         });
}

template <typename Request, typename Response>
void TokenService::ChangeStates(const Request& request, policy::Action action, TokenState state,
                                Reply<Response> reply) {
  ASSIGN_OR_REFUSE(reply, std::string tenant, TenantOf(request.parent()));
  ASSIGN_OR_REFUSE(reply, policy::Permit permit,
                   Authorize(gate_, reply, action, TokensOf(tenant), request.request_id()));
  REFUSE_IF_ERROR(reply, CheckTokensProfile(request.profile(), tenant));
  REFUSE_IF_ERROR(reply, CheckBatchSize(request.names_size()));
  std::vector<absl::StatusOr<TokenName>> names = NamesOf(request);

  RequestFacts facts = FactsOf(reply);
  tokenizer_.ChangeState(std::move(permit), std::move(tenant), std::move(names), state,
                         std::move(facts), [reply = std::move(reply), state](auto done) mutable {
                           reply.Answer(std::move(done), [&reply, state](const auto& results) {
                             Response message;
                             for (const absl::Status& item : results) {
                               v1::TokenStateResult& result = *message.add_results();
                               if (item.ok()) {
                                 result.set_state(ToWire(state));
                               } else {
                                 reply.Note(item);
                                 *result.mutable_error() = ToItemError(item);
                               }
                             }
                             return message;
                           });
                         });
}

void TokenService::GetToken(v1::GetTokenRequest& request, Reply<v1::GetTokenResponse> reply) {
  ASSIGN_OR_REFUSE(reply, TokenName name, TokenName::Parse(request.name()));
  ASSIGN_OR_REFUSE(reply, policy::Permit permit,
                   Authorize(gate_, reply, policy::Action::kGetToken, TokensOf(name.tenant)));
  REFUSE_IF_ERROR(reply, CheckTokensProfile(request.profile(), name.tenant));
  name.profile = request.profile();

  RequestFacts facts = FactsOf(reply);
  tokenizer_.Describe(std::move(permit), std::move(name), std::move(facts),
                      [reply = std::move(reply), text = request.name()](auto done) mutable {
                        reply.Answer(std::move(done), [&text](const auto& token) {
                          v1::GetTokenResponse message;
                          message.set_name(text);
                          message.set_profile(token.profile);
                          message.set_state(ToWire(token.state));
                          message.set_masked_pan(token.masked_pan);
                          if (token.expiry.has_value()) {
                            message.set_expiry(token.expiry->ToString());
                          }
                          *message.mutable_create_time() = ToTimestamp(token.created);
                          message.set_data_key_version(token.data_key_version);
                          if (token.ends.has_value()) {
                            *message.mutable_expire_time() = ToTimestamp(*token.ends);
                          }
                          if (token.uses_left.has_value()) {
                            message.set_remaining_uses(*token.uses_left);
                          }
                          if (token.token_expiry.has_value()) {
                            message.set_token_expiry(token.token_expiry->ToString());
                          }
                          message.set_token_requestor_id(token.token_requestor_id);
                          return message;
                        });
                      });
}

void TokenService::FingerprintCard(v1::FingerprintCardRequest& request,
                                   Reply<v1::FingerprintCardResponse> reply) {
  ASSIGN_OR_REFUSE(reply, std::string tenant, TenantOf(request.parent()));
  ASSIGN_OR_REFUSE(reply, policy::Permit permit,
                   Authorize(gate_, reply, policy::Action::kFingerprintCard,
                             tokenizer::FingerprintResource(tenant), request.request_id()));
  if (!request.has_card()) {
    return reply.RecordAndRefuse(Error(Reason::kFieldRequired, "the card is required", "card"));
  }
  std::vector<absl::StatusOr<CardData>> cards;
  cards.push_back(TakeCard(*request.mutable_card()));

  RequestFacts facts = FactsOf(reply);
  tokenizer_.Fingerprint(
      std::move(permit), std::move(tenant), std::move(cards), request.key_version(),
      std::move(facts), [reply = std::move(reply)](auto done) mutable {
        reply.Answer(std::move(done),
                     [](const auto& made) -> absl::StatusOr<v1::FingerprintCardResponse> {
                       const absl::StatusOr<std::string>& fingerprint = made.fingerprints.at(0);
                       if (!fingerprint.ok()) return fingerprint.status();
                       return ToMessage(*fingerprint, made.key_version);
                     });
      });
}

void TokenService::BatchFingerprintCards(v1::BatchFingerprintCardsRequest& request,
                                         Reply<v1::BatchFingerprintCardsResponse> reply) {
  ASSIGN_OR_REFUSE(reply, std::string tenant, TenantOf(request.parent()));
  ASSIGN_OR_REFUSE(reply, policy::Permit permit,
                   Authorize(gate_, reply, policy::Action::kFingerprintCard,
                             tokenizer::FingerprintResource(tenant), request.request_id()));
  REFUSE_IF_ERROR(reply, CheckBatchSize(request.cards_size()));
  std::vector<absl::StatusOr<CardData>> cards;
  for (v1::Card& card : *request.mutable_cards()) cards.push_back(TakeCard(card));

  RequestFacts facts = FactsOf(reply);
  tokenizer_.Fingerprint(
      std::move(permit), std::move(tenant), std::move(cards), request.key_version(),
      std::move(facts), [reply = std::move(reply)](auto done) mutable {
        reply.Answer(std::move(done), [&reply](const auto& made) {
          v1::BatchFingerprintCardsResponse message;
          for (const absl::StatusOr<std::string>& fingerprint : made.fingerprints) {
            v1::FingerprintResult& result = *message.add_results();
            if (fingerprint.ok()) {
              *result.mutable_fingerprint() = ToMessage(*fingerprint, made.key_version);
            } else {
              reply.Note(fingerprint.status());
              *result.mutable_error() = ToItemError(fingerprint.status());
            }
          }
          return message;
        });
      });
}

}  // namespace keysvc::rpc
