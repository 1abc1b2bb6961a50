#include "keysvc/rpc/token_service.h"

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "keysvc/rpc/access.h"
#include "keysvc/rpc/convert.h"
#include "keysvc/rpc/token_import.h"
#include "keysvc/rpc/token_items.h"
#include "keysvc/rpc/token_listing.h"
#include "status/macros.h"
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

std::vector<absl::StatusOr<CardData>> TakeCards(auto& request) {
  std::vector<absl::StatusOr<CardData>> cards;
  cards.reserve(static_cast<std::size_t>(request.cards_size()));
  for (v1::Card& card : *request.mutable_cards()) cards.push_back(TakeCard(card));
  return cards;
}

absl::Status TakeUses(const auto& uses, std::vector<absl::StatusOr<TokenName>>& names,
                      RequestFacts& facts) {
  return TakeStated(uses, "uses", UseOf, names, facts.uses);
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
  methods.AddUnary<v1::UpdateTokenCardRequest, v1::UpdateTokenCardResponse>(
      "TokenService", "UpdateTokenCard", lane,
      [this](auto& request, auto reply) { UpdateTokenCard(request, std::move(reply)); });
  methods.AddUnary<v1::BatchUpdateTokenCardsRequest, v1::BatchUpdateTokenCardsResponse>(
      "TokenService", "BatchUpdateTokenCards", lane,
      [this](auto& request, auto reply) { BatchUpdateTokenCards(request, std::move(reply)); });
  methods.AddUnary<v1::GetTokenRequest, v1::GetTokenResponse>(
      "TokenService", "GetToken", lane,
      [this](auto& request, auto reply) { GetToken(request, std::move(reply)); });
  methods.AddUnary<v1::BatchGetTokensRequest, v1::BatchGetTokensResponse>(
      "TokenService", "BatchGetTokens", lane,
      [this](auto& request, auto reply) { BatchGetTokens(request, std::move(reply)); });
  methods.AddUnary<v1::ImportTokensRequest, v1::ImportTokensResponse>(
      "TokenService", "ImportTokens", lane, [this](auto& request, auto reply) {
        ImportTokens(gate_, profiles_, tokenizer_, request, std::move(reply));
      });
  methods.AddUnary<v1::ListTokensRequest, v1::ListTokensResponse>(
      "TokenService", "ListTokens", lane, [this](auto& request, auto reply) {
        ListTokens(gate_, profiles_, tokenizer_, request, std::move(reply));
      });
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
  methods.AddStream<v1::GetRetentionReportRequest, v1::GetRetentionReportResponse>(
      "TokenService", "GetRetentionReport", lane,
      [this](auto& request, auto reply) { GetRetentionReport(request, std::move(reply)); });
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

  RequestFacts facts = FactsOf(reply);
  std::vector<absl::StatusOr<CardData>> cards = One(TakeCard(*request.mutable_card()));
  REFUSE_IF_ERROR(reply, TakeDomains(OneIf(request.has_domain(), request.domain()), cards, facts));
  REFUSE_IF_ERROR(reply,
                  TakeMetadata(OneIf(request.has_metadata(), request.metadata()), cards, facts));
  tokenizer_.Tokenize(std::move(permit), *profile, std::move(cards), std::move(facts),
                      [reply = std::move(reply), profile](auto done) mutable {
                        reply.Answer(std::move(done), [profile](const auto& tokens) {
                          return AnswerOne<v1::TokenizeResponse>(
                              tokens,
                              [profile](const auto& token) { return ToMessage(*token, *profile); });
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

  RequestFacts facts = FactsOf(reply);
  std::vector<absl::StatusOr<CardData>> cards = TakeCards(request);
  REFUSE_IF_ERROR(reply, TakeDomains(request.domains(), cards, facts));
  REFUSE_IF_ERROR(reply, TakeMetadata(request.metadata(), cards, facts));
  tokenizer_.Tokenize(std::move(permit), *profile, std::move(cards), std::move(facts),
                      [reply = std::move(reply), profile](auto done) mutable {
                        reply.Answer(std::move(done), [&reply, profile](const auto& tokens) {
                          return AnswerEach(reply, tokens,
                                            [profile](const auto& token, auto& result) {
                                              *result.mutable_token() = ToMessage(*token, *profile);
                                            });
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

  RequestFacts facts = FactsOf(reply);
  tokenizer_.LookUp(std::move(permit), *profile, One(TakeCard(*request.mutable_card())),
                    std::move(facts), [reply = std::move(reply)](auto done) mutable {
                      reply.Answer(std::move(done), [](const auto& tokens) {
                        return AnswerOne<v1::LookUpTokenResponse>(
                            tokens, [](const auto& token) { return ToMessage(*token); });
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

  RequestFacts facts = FactsOf(reply);
  tokenizer_.LookUp(std::move(permit), *profile, TakeCards(request), std::move(facts),
                    [reply = std::move(reply)](auto done) mutable {
                      reply.Answer(std::move(done), [&reply](const auto& tokens) {
                        return AnswerEach(reply, tokens, [](const auto& token, auto& result) {
                          *result.mutable_token() = ToMessage(*token);
                        });
                      });
                    });
}

void TokenService::Detokenize(v1::DetokenizeRequest& request, Reply<v1::DetokenizeResponse> reply) {
  const std::uint32_t risk_score = request.risk_score();
  ASSIGN_OR_REFUSE(
      reply, std::vector<std::uint32_t> risk_scores,
      NoteRiskScores(OneIf(request.has_risk_score(), risk_score), "risk_score", 1, reply.record()));
  ASSIGN_OR_REFUSE(reply, TokenName name, TokenName::Parse(request.name()));
  ASSIGN_OR_REFUSE(reply, policy::Permit permit,
                   Authorize(gate_, reply, policy::Action::kDetokenize, TokensOf(name.tenant),
                             request.request_id(), request.purpose()));
  REFUSE_IF_ERROR(reply, CheckTokensProfile(request.profile(), name.tenant));
  name.profile = request.profile();
  std::string tenant = name.tenant;

  RequestFacts facts = FactsOf(reply);
  std::vector<absl::StatusOr<TokenName>> names = One<TokenName>(std::move(name));
  REFUSE_IF_ERROR(reply, TakeUses(OneIf(request.has_use(), request.use()), names, facts));
  facts.risk_scores = std::move(risk_scores);
  tokenizer_.Detokenize(std::move(permit), std::move(tenant), std::move(names), std::move(facts),
                        [reply = std::move(reply)](auto done) mutable {
                          reply.Answer(std::move(done), [](const auto& cards) {
                            return AnswerOne<v1::DetokenizeResponse>(
                                cards, [](const auto& card) { return ToMessage(*card); });
                          });
                        });
}

void TokenService::BatchDetokenize(v1::BatchDetokenizeRequest& request,
                                   Reply<v1::BatchDetokenizeResponse> reply) {
  ASSIGN_OR_REFUSE(
      reply, std::vector<std::uint32_t> risk_scores,
      NoteRiskScores(
          {request.risk_scores().data(), static_cast<std::size_t>(request.risk_scores_size())},
          "risk_scores", static_cast<std::size_t>(request.names_size()), reply.record()));
  ASSIGN_OR_REFUSE(reply, std::string tenant, TenantOf(request.parent()));
  ASSIGN_OR_REFUSE(reply, policy::Permit permit,
                   Authorize(gate_, reply, policy::Action::kDetokenize, TokensOf(tenant),
                             request.request_id(), request.purpose()));
  REFUSE_IF_ERROR(reply, CheckTokensProfile(request.profile(), tenant));
  REFUSE_IF_ERROR(reply, CheckBatchSize(request.names_size()));

  RequestFacts facts = FactsOf(reply);
  std::vector<absl::StatusOr<TokenName>> names = NamesOf(request);
  REFUSE_IF_ERROR(reply, TakeUses(request.uses(), names, facts));
  facts.risk_scores = std::move(risk_scores);
  tokenizer_.Detokenize(std::move(permit), std::move(tenant), std::move(names), std::move(facts),
                        [reply = std::move(reply)](auto done) mutable {
                          reply.Answer(std::move(done), [&reply](const auto& cards) {
                            return AnswerEach(reply, cards, [](const auto& card, auto& result) {
                              *result.mutable_card() = ToMessage(*card);
                            });
                          });
                        });
}

void TokenService::ConvertToken(v1::ConvertTokenRequest& request,
                                Reply<v1::ConvertTokenResponse> reply) {
  ASSIGN_OR_REFUSE(reply, TokenName name, TokenName::Parse(request.name()));
  name.profile = request.profile();
  std::string tenant = name.tenant;
  Convert(request, std::move(tenant), One<TokenName>(std::move(name)),
          OneIf(request.has_use(), request.use()), OneIf(request.has_domain(), request.domain()),
          OneIf(request.has_metadata(), request.metadata()), std::move(reply),
          [](auto& /*of_one*/, const auto& tokens, const tokenizer::Profile& target) {
            return AnswerOne<v1::ConvertTokenResponse>(
                tokens, [&target](const auto& token) { return ToConverted(*token, target); });
          });
}

void TokenService::BatchConvertTokens(v1::BatchConvertTokensRequest& request,
                                      Reply<v1::BatchConvertTokensResponse> reply) {
  ASSIGN_OR_REFUSE(reply, std::string tenant, TenantOf(request.parent()));
  Convert(request, std::move(tenant), NamesOf(request), request.uses(), request.domains(),
          request.metadata(), std::move(reply),
          [](auto& of_batch, const auto& tokens, const tokenizer::Profile& target) {
            return AnswerEach(of_batch, tokens, [&target](const auto& token, auto& result) {
              *result.mutable_token() = ToConverted(*token, target);
            });
          });
}

template <typename Request, typename Uses, typename Domains, typename Metadata, typename Response,
          typename Answer>
void TokenService::Convert(const Request& request, std::string tenant,
                           std::vector<absl::StatusOr<TokenName>> names, const Uses& uses,
                           const Domains& domains, const Metadata& metadata, Reply<Response> reply,
                           Answer answer) {
  REFUSE_IF_ERROR(reply, CheckProfileName(request.target(), "target"));
  ASSIGN_OR_REFUSE(reply, policy::Permit from,
                   Authorize(gate_, reply, policy::Action::kConvertToken, TokensOf(tenant),
                             request.request_id()));
  REFUSE_IF_ERROR(reply, CheckTokensProfile(request.profile(), tenant));
  // From here on the record's resource is the target.
  reply.record().details["source"] = TokensOf(tenant);
  ASSIGN_OR_REFUSE(reply, policy::Permit to,
                   Authorize(gate_, reply, policy::Action::kConvertToken, request.target(),
                             request.request_id()));
  ASSIGN_OR_REFUSE(reply, const tokenizer::Profile* target, profiles_.Find(request.target()));
  REFUSE_IF_ERROR(reply, CheckBatchSize(static_cast<int>(names.size())));

  RequestFacts facts = FactsOf(reply);
  REFUSE_IF_ERROR(reply, TakeUses(uses, names, facts));
  REFUSE_IF_ERROR(reply, TakeDomains(domains, names, facts));
  REFUSE_IF_ERROR(reply, TakeMetadata(metadata, names, facts));
  tokenizer_.Convert(
      std::move(from), std::move(tenant), std::move(names), std::move(to), *target,
      std::move(facts), [reply = std::move(reply), target, answer](auto done) mutable {
        reply.Answer(std::move(done),
                     [&](const auto& tokens) { return answer(reply, tokens, *target); });
      });
}

void TokenService::UpdateTokenCard(v1::UpdateTokenCardRequest& request,
                                   Reply<v1::UpdateTokenCardResponse> reply) {
  ASSIGN_OR_REFUSE(reply, TokenName name, TokenName::Parse(request.name()));
  ASSIGN_OR_REFUSE(reply, policy::Permit permit,
                   Authorize(gate_, reply, policy::Action::kUpdateTokenCard, TokensOf(name.tenant),
                             request.request_id()));
  REFUSE_IF_ERROR(reply, CheckTokensProfile(request.profile(), name.tenant));
  if (!request.has_card()) {
    return reply.RecordAndRefuse(Error(Reason::kFieldRequired, "the card is required", "card"));
  }
  name.profile = request.profile();
  std::string tenant = name.tenant;

  RequestFacts facts = FactsOf(reply);
  tokenizer_.UpdateCards(std::move(permit), std::move(tenant), One<TokenName>(std::move(name)),
                         One(TakeCard(*request.mutable_card())), std::move(facts),
                         [reply = std::move(reply)](auto done) mutable {
                           reply.Answer(std::move(done), [](const auto& tokens) {
                             return AnswerOne<v1::UpdateTokenCardResponse>(
                                 tokens, [](const auto& token) { return ToUpdated(*token); });
                           });
                         });
}

void TokenService::BatchUpdateTokenCards(v1::BatchUpdateTokenCardsRequest& request,
                                         Reply<v1::BatchUpdateTokenCardsResponse> reply) {
  ASSIGN_OR_REFUSE(reply, std::string tenant, TenantOf(request.parent()));
  ASSIGN_OR_REFUSE(reply, policy::Permit permit,
                   Authorize(gate_, reply, policy::Action::kUpdateTokenCard, TokensOf(tenant),
                             request.request_id()));
  REFUSE_IF_ERROR(reply, CheckTokensProfile(request.profile(), tenant));
  REFUSE_IF_ERROR(reply, CheckBatchSize(request.updates_size()));

  std::vector<absl::StatusOr<TokenName>> names;
  std::vector<absl::StatusOr<CardData>> cards;
  for (v1::TokenCard& update : *request.mutable_updates()) {
    names.push_back(TokenName::Parse(update.name()));
    if (names.back().ok()) names.back()->profile = request.profile();
    cards.push_back(TakeCard(*update.mutable_card()));
  }
  RequestFacts facts = FactsOf(reply);
  tokenizer_.UpdateCards(std::move(permit), std::move(tenant), std::move(names), std::move(cards),
                         std::move(facts), [reply = std::move(reply)](auto done) mutable {
                           reply.Answer(std::move(done), [&reply](const auto& tokens) {
                             return AnswerEach(reply, tokens, [](const auto& token, auto& result) {
                               *result.mutable_token() = ToUpdated(*token);
                             });
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

  RequestFacts facts = FactsOf(reply);
  tokenizer_.ChangeState(std::move(permit), std::move(tenant), One<TokenName>(std::move(name)),
                         state, std::move(facts),
                         [reply = std::move(reply), state](auto done) mutable {
                           reply.Answer(std::move(done), [state](const auto& results) {
                             return AnswerOne<Response>(results, [state](const auto&) {
                               Response message;
                               message.set_state(ToWire(state));
                               return message;
                             });
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

  RequestFacts facts = FactsOf(reply);
  tokenizer_.ChangeState(std::move(permit), std::move(tenant), NamesOf(request), state,
                         std::move(facts), [reply = std::move(reply), state](auto done) mutable {
                           reply.Answer(std::move(done), [&reply, state](const auto& results) {
                             return AnswerEach(reply, results, [state](const auto&, auto& result) {
                               result.set_state(ToWire(state));
                             });
                           });
                         });
}

void TokenService::GetToken(v1::GetTokenRequest& request, Reply<v1::GetTokenResponse> reply) {
  ASSIGN_OR_REFUSE(reply, TokenName name, TokenName::Parse(request.name()));
  ASSIGN_OR_REFUSE(reply, policy::Permit permit,
                   Authorize(gate_, reply, policy::Action::kGetToken, TokensOf(name.tenant)));
  REFUSE_IF_ERROR(reply, CheckTokensProfile(request.profile(), name.tenant));
  name.profile = request.profile();
  std::string tenant = name.tenant;

  RequestFacts facts = FactsOf(reply);
  tokenizer_.Describe(std::move(permit), std::move(tenant), One<TokenName>(std::move(name)),
                      std::move(facts), [reply = std::move(reply)](auto done) mutable {
                        reply.Answer(std::move(done), [](const auto& tokens) {
                          return AnswerOne<v1::GetTokenResponse>(
                              tokens, [](const auto& token) { return ToMessage(*token); });
                        });
                      });
}

void TokenService::BatchGetTokens(v1::BatchGetTokensRequest& request,
                                  Reply<v1::BatchGetTokensResponse> reply) {
  ASSIGN_OR_REFUSE(reply, std::string tenant, TenantOf(request.parent()));
  ASSIGN_OR_REFUSE(reply, policy::Permit permit,
                   Authorize(gate_, reply, policy::Action::kGetToken, TokensOf(tenant)));
  REFUSE_IF_ERROR(reply, CheckTokensProfile(request.profile(), tenant));
  REFUSE_IF_ERROR(reply, CheckBatchSize(request.names_size()));

  RequestFacts facts = FactsOf(reply);
  std::vector<absl::StatusOr<TokenName>> names = NamesOf(request);
  tokenizer_.Describe(std::move(permit), std::move(tenant), std::move(names), std::move(facts),
                      [reply = std::move(reply)](auto done) mutable {
                        reply.Answer(std::move(done), [&reply](const auto& tokens) {
                          return AnswerEach(reply, tokens, [](const auto& token, auto& result) {
                            *result.mutable_token() = ToMessage(*token);
                          });
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

  RequestFacts facts = FactsOf(reply);
  tokenizer_.Fingerprint(
      std::move(permit), std::move(tenant), One(TakeCard(*request.mutable_card())),
      request.key_version(), std::move(facts), [reply = std::move(reply)](auto done) mutable {
        reply.Answer(std::move(done), [](const auto& made) {
          return AnswerOne<v1::FingerprintCardResponse>(
              made.fingerprints,
              [&made](const auto& one) { return ToMessage(*one, made.key_version); });
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

  RequestFacts facts = FactsOf(reply);
  tokenizer_.Fingerprint(
      std::move(permit), std::move(tenant), TakeCards(request), request.key_version(),
      std::move(facts), [reply = std::move(reply)](auto done) mutable {
        reply.Answer(std::move(done), [&reply](const auto& made) {
          return AnswerEach(reply, made.fingerprints, [&made](const auto& one, auto& result) {
            *result.mutable_fingerprint() = ToMessage(*one, made.key_version);
          });
        });
      });
}

void TokenService::GetRetentionReport(v1::GetRetentionReportRequest& request,
                                      StreamReply<v1::GetRetentionReportResponse> reply) {
  ASSIGN_OR_REFUSE(reply, std::string tenant, TenantOf(request.parent()));
  ASSIGN_OR_REFUSE(
      reply, const policy::Permit permit,
      Authorize(gate_, reply, policy::Action::kGetRetentionReport, tokenizer::ProfilesOf(tenant)));
  reply.RecordAndStream(
      [report = tokenizer_.ReportRetention(permit, std::move(tenant)),
       ended = false]() mutable -> absl::StatusOr<std::optional<v1::GetRetentionReportResponse>> {
        if (ended) return std::nullopt;
        ASSIGN_OR_RETURN(const bool more, report.ReadMore());
        v1::GetRetentionReportResponse message;
        message.set_rows_read(report.rows_read());
        ended = !more;
        if (ended) *message.mutable_report() = ToMessage(report);
        return message;
      });
}

}  // namespace keysvc::rpc
