#include "keysvc/rpc/token_import.h"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "keysvc/rpc/access.h"
#include "keysvc/rpc/convert.h"
#include "keysvc/rpc/token_items.h"
#include "status/macros.h"
#include "tokenizer/imported_token.h"

namespace keysvc::rpc {
namespace {

// The token that a card is imported with. What is none may be anything, a card number too, and
// stays where the message is wiped; then the card is the error.
std::string TakeToken(const v1::ImportedCard& imported, const tokenizer::Profile& profile,
                      absl::StatusOr<tokenizer::CardData>& card) {
  if (!card.ok()) return {};
  const absl::Status sound = tokenizer::CheckImportedToken(profile, *card, imported.token());
  if (sound.ok()) return imported.token();
  card = sound;
  return {};
}

}  // namespace

void ImportTokens(const policy::Gate& gate, const tokenizer::Profiles& profiles,
                  tokenizer::Tokenizer& tokenizer, v1::ImportTokensRequest& request,
                  Reply<v1::ImportTokensResponse> reply) {
  REFUSE_IF_ERROR(reply, CheckProfileName(request.parent()));
  ASSIGN_OR_REFUSE(reply, policy::Permit permit,
                   Authorize(gate, reply, policy::Action::kImportTokens, request.parent(),
                             request.request_id()));
  ASSIGN_OR_REFUSE(reply, const tokenizer::Profile* profile, profiles.Find(request.parent()));
  REFUSE_IF_ERROR(reply, CheckBatchSize(request.cards_size()));

  tokenizer::RequestFacts facts = FactsOf(reply);
  std::vector<absl::StatusOr<tokenizer::CardData>> cards;
  cards.reserve(static_cast<std::size_t>(request.cards_size()));
  for (v1::ImportedCard& imported : *request.mutable_cards()) {
    cards.push_back(TakeCard(*imported.mutable_card()));
    facts.tokens.push_back(TakeToken(imported, *profile, cards.back()));
  }
  REFUSE_IF_ERROR(reply, TakeDomains(request.domains(), cards, facts));
  REFUSE_IF_ERROR(reply, TakeMetadata(request.metadata(), cards, facts));
  tokenizer.Import(std::move(permit), *profile, std::move(cards), std::move(facts),
                   [reply = std::move(reply), profile](auto done) mutable {
                     reply.Answer(std::move(done), [&reply, profile](const auto& tokens) {
                       return AnswerEach(reply, tokens, [profile](const auto& token, auto& result) {
                         *result.mutable_token() = ToMessage(*token, *profile);
                       });
                     });
                   });
}

}  // namespace keysvc::rpc
