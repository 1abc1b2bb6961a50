#include "tokenizer/kept_tokens.h"

#include <algorithm>
#include <utility>

#include "crypto/bytes.h"
#include "crypto/canonical.h"
#include "crypto/digest.h"
#include "status/macros.h"
#include "status/reason.h"
#include "tokenizer/kept_answer.h"
#include "tokenizer/named_tokens.h"

namespace keysvc::tokenizer {
namespace {

constexpr std::uint8_t kFormat = 1;
// Of an answer whose tokens have expiries.
constexpr std::uint8_t kExpiryFormat = 2;
// Of an answer that says why there is no token.
constexpr std::uint8_t kRefusalFormat = 3;
// Of an answer whose tokens have account references.
constexpr std::uint8_t kReferenceFormat = 4;

std::uint8_t FormatFor(const std::vector<KeptToken>& tokens) {
  const auto any = [&tokens](auto has) { return std::any_of(tokens.begin(), tokens.end(), has); };
  if (any([](const KeptToken& kept) { return !kept.account_reference.empty(); })) {
    return kReferenceFormat;
  }
  if (any([](const KeptToken& kept) { return kept.refused.has_value(); })) return kRefusalFormat;
  if (any([](const KeptToken& kept) { return kept.expiry.has_value(); })) return kExpiryFormat;
  return kFormat;
}

constexpr std::string_view kKind = "keysvc kept tokens";

// What follows in the fingerprint of a conversion behind its names, which begin with 0 to 2.
constexpr std::uint8_t kUse = 3;
constexpr std::uint8_t kDomain = 4;
// Behind the cards of a request to tokenize as well, which begin with 0 or 1.
constexpr std::uint8_t kMetadata = 5;

void AddMetadata(const std::vector<std::string>& metadata, crypto::CanonicalWriter& request) {
  for (const std::string& text : metadata) request.U8(kMetadata).Bytes(text);
}

absl::Status AddCards(const std::vector<absl::StatusOr<CardData>>& cards,
                      const std::vector<TokenDomain>& domains, const crypto::HmacSha256& key,
                      crypto::CanonicalWriter& request) {
  for (std::size_t i = 0; i < cards.size(); ++i) {
    const absl::StatusOr<CardData>& card = cards[i];
    request.U8(card.ok() ? 1 : 0);
    if (card.ok()) {
      TokenTerms terms;
      if (!domains.empty()) terms.domain = domains[i];
      // Hashed card by card, so that no card leaves locked memory.
      ASSIGN_OR_RETURN(const crypto::SecretBytes encoded, EncodeCardData(*card, terms));
      request.Bytes(crypto::AsText(key.Compute(encoded.Expose(crypto::SecretAccess::kGranted))));
    } else {
      request.Bytes(InfoOf(ReasonOf(card.status()).value_or(Reason::kInternal)).name);
      request.Bytes(FieldOf(card.status()));
    }
  }
  return absl::OkStatus();
}

// `items` are the names or cards of the request.
absl::StatusOr<std::vector<absl::StatusOr<IssuedToken>>> ResultsOfItems(
    std::vector<KeptToken> tokens, std::string_view tenant, const auto& items,
    std::string_view refusal) {
  if (tokens.size() != items.size()) {
    return Error(Reason::kIntegrityFailure, "a kept answer is for another number of items");
  }
  std::vector<absl::StatusOr<IssuedToken>> results;
  results.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!items[i].ok()) {
      results.emplace_back(items[i].status());
    } else if (tokens[i].refused.has_value()) {
      results.emplace_back(Error(*tokens[i].refused, refusal));
    } else {
      results.emplace_back(IssuedToken{{std::string(tenant), std::move(tokens[i].token)},
                                       tokens[i].expiry,
                                       std::move(tokens[i].account_reference)});
    }
  }
  return results;
}

}  // namespace

absl::StatusOr<std::string> FingerprintOf(std::string_view profile_resource,
                                          const std::vector<absl::StatusOr<CardData>>& cards,
                                          const std::vector<TokenDomain>& domains,
                                          const std::vector<std::string>& tokens,
                                          const std::vector<std::string>& metadata,
                                          const crypto::HmacSha256& key) {
  crypto::CanonicalWriter request;
  request.Bytes(tokens.empty() ? "keysvc tokenize request" : "keysvc import request")
      .U8(kFormat)
      .Bytes(profile_resource);
  RETURN_IF_ERROR(AddCards(cards, domains, key, request));
  for (const std::string& token : tokens) request.Bytes(token);
  AddMetadata(metadata, request);
  return std::string(crypto::AsText(key.Compute(request.Take())));
}

std::string FingerprintOf(std::string_view target_resource,
                          const std::vector<absl::StatusOr<TokenName>>& names,
                          const RequestFacts& facts, const std::vector<std::string>& metadata,
                          const crypto::HmacSha256& key) {
  crypto::CanonicalWriter request;
  request.Bytes("keysvc convert request").U8(kFormat).Bytes(target_resource);
  AddNames(names, request);
  for (const TokenUse& use : facts.uses) request.U8(kUse).Bytes(use.ToString());
  for (const TokenDomain& domain : facts.domains) request.U8(kDomain).Bytes(domain.ToString());
  AddMetadata(metadata, request);
  return std::string(crypto::AsText(key.Compute(request.Take())));
}

absl::StatusOr<std::string> FingerprintOf(std::string_view tenant,
                                          const std::vector<absl::StatusOr<TokenName>>& names,
                                          const std::vector<absl::StatusOr<CardData>>& cards,
                                          const crypto::HmacSha256& key) {
  crypto::CanonicalWriter request;
  request.Bytes("keysvc update card request")
      .U8(kFormat)
      .Bytes(tenant)
      .U32(static_cast<std::uint32_t>(names.size()));
  AddNames(names, request);
  RETURN_IF_ERROR(AddCards(cards, {}, key, request));
  return std::string(crypto::AsText(key.Compute(request.Take())));
}

std::vector<KeptToken> KeptOf(const std::vector<absl::StatusOr<IssuedToken>>& results) {
  std::vector<KeptToken> tokens;
  tokens.reserve(results.size());
  for (const absl::StatusOr<IssuedToken>& result : results) {
    tokens.push_back(
        result.ok() ? KeptToken{.token = result->name.token,
                                .expiry = result->expiry,
                                .account_reference = result->account_reference}
                    : KeptToken{.refused = ReasonOf(result.status()).value_or(Reason::kInternal)});
  }
  return tokens;
}

absl::StatusOr<std::vector<absl::StatusOr<IssuedToken>>> ResultsOf(
    std::vector<KeptToken> tokens, std::string_view tenant,
    const std::vector<absl::StatusOr<TokenName>>& names, std::string_view refusal) {
  return ResultsOfItems(std::move(tokens), tenant, names, refusal);
}

absl::StatusOr<std::vector<absl::StatusOr<IssuedToken>>> ResultsOf(
    std::vector<KeptToken> tokens, std::string_view tenant,
    const std::vector<absl::StatusOr<CardData>>& cards, std::string_view refusal) {
  return ResultsOfItems(std::move(tokens), tenant, cards, refusal);
}

absl::StatusOr<store::IdempotencyRow> KeepTokens(const std::vector<KeptToken>& tokens,
                                                 std::string_view principal,
                                                 std::string_view request_id,
                                                 std::string_view fingerprint, absl::Time expires,
                                                 const AnswerKey& key) {
  crypto::CanonicalWriter answer;
  const std::uint8_t format = FormatFor(tokens);
  answer.U8(format).U32(static_cast<std::uint32_t>(tokens.size()));
  for (const KeptToken& kept : tokens) {
    answer.Bytes(kept.token);
    if (format == kFormat) continue;
    const Expiry expiry = kept.expiry.value_or(Expiry{});
    answer.U16(expiry.year).U8(expiry.month);
    if (format == kExpiryFormat) continue;
    answer.Bytes(kept.refused.has_value() ? InfoOf(*kept.refused).name : std::string_view());
    if (format == kReferenceFormat) answer.Bytes(kept.account_reference);
  }
  return KeepAnswer(kKind, principal, request_id, fingerprint, expires,
                    crypto::AsBytes(answer.Take()), key);
}

absl::StatusOr<std::vector<KeptToken>> OpenKeptTokens(const store::IdempotencyRow& row,
                                                      std::string_view fingerprint,
                                                      const AnswerKey& key) {
  ASSIGN_OR_RETURN(const crypto::SecretBytes plaintext,
                   OpenKeptAnswer(kKind, row, fingerprint, key));
  crypto::CanonicalReader reader(crypto::AsText(plaintext.Expose(crypto::SecretAccess::kGranted)));
  ASSIGN_OR_RETURN(const std::uint8_t format, reader.U8());
  if (format < kFormat || format > kReferenceFormat) {
    return Error(Reason::kIntegrityFailure, "a kept answer has an unknown format");
  }
  ASSIGN_OR_RETURN(const std::uint32_t count, reader.U32());
  std::vector<KeptToken> tokens;
  for (std::uint32_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(const std::string_view token, reader.Bytes());
    tokens.push_back({std::string(token)});
    if (format == kFormat) continue;
    ASSIGN_OR_RETURN(const std::uint16_t year, reader.U16());
    ASSIGN_OR_RETURN(const std::uint8_t month, reader.U8());
    if (month != 0) tokens.back().expiry = Expiry{year, month};
    if (format == kExpiryFormat) continue;
    ASSIGN_OR_RETURN(const std::string_view reason, reader.Bytes());
    if (!reason.empty()) tokens.back().refused = ReasonNamed(reason);
    if (format == kRefusalFormat) continue;
    ASSIGN_OR_RETURN(const std::string_view reference, reader.Bytes());
    tokens.back().account_reference = reference;
  }
  RETURN_IF_ERROR(reader.Finish());
  return tokens;
}

}  // namespace keysvc::tokenizer
