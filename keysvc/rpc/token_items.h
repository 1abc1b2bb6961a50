// The items of calls about tokens: what a request states of each, and what becomes of each.
#ifndef KEYSVC_KEYSVC_RPC_TOKEN_ITEMS_H_
#define KEYSVC_KEYSVC_RPC_TOKEN_ITEMS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "keysvc/rpc/convert.h"
#include "keysvc/rpc/reply.h"
#include "policy/risk.h"
#include "status/reason.h"
#include "tokenizer/call_record.h"
#include "tokenizer/tokenizer.h"

namespace keysvc::rpc {

// A batch of one, as which the domain takes a single item.
template <typename T>
std::vector<absl::StatusOr<T>> One(absl::StatusOr<T> item) {
  std::vector<absl::StatusOr<T>> items;
  items.push_back(std::move(item));
  return items;
}

inline tokenizer::RequestFacts FactsOf(AnyReply& reply) {
  return {.request_id = reply.record().request_id, .trace_id = reply.record().trace_id};
}

// What a request states of its items: one for all or one for each, or nothing. An item of which
// what is stated is of a wrong form becomes the error.
template <typename Parsed, typename Stated, typename Item>
absl::Status TakeStated(const Stated& stated, std::string_view field, auto parse,
                        std::vector<absl::StatusOr<Item>>& items, std::vector<Parsed>& parsed) {
  const auto count = static_cast<std::size_t>(std::distance(stated.begin(), stated.end()));
  if (count == 0) return absl::OkStatus();
  if (count != 1 && count != items.size()) {
    return Error(Reason::kFieldInvalid, "one for all items is expected, or one for each", field);
  }
  parsed.resize(items.size());
  auto stated_one = stated.begin();
  auto one = parse(*stated_one);
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0 && count > 1) one = parse(*++stated_one);
    if (one.ok()) {
      parsed[i] = *one;
    } else if (items[i].ok()) {
      items[i] = one.status();
    }
  }
  return absl::OkStatus();
}

// What the fields `domain`, `use` and `metadata` of a single item state, in the form of a batch's.
template <typename Message>
std::span<const Message> OneIf(bool present, const Message& message) {
  return {&message, present ? std::size_t{1} : std::size_t{0}};
}

// The risk scores that a request states of its `count` items, as tokenizer::RequestFacts has them,
// noted in `record`: a call that is denied has them there too. FIELD_INVALID, naming `field`, for
// another number of them and for one that is above policy::kHighestRisk; then none is noted.
inline absl::StatusOr<std::vector<std::uint32_t>> NoteRiskScores(
    std::span<const std::uint32_t> stated, std::string_view field, std::size_t count,
    audit::Entry& record) {
  // No batch has more, and what a caller who is denied writes into the log has an end.
  const bool bounded = CheckBatchSize(static_cast<int>(stated.size())).ok();
  if (stated.size() > 1 && (stated.size() != count || !bounded)) {
    return Error(Reason::kFieldInvalid, "one for all items is expected, or one for each", field);
  }
  if (std::any_of(stated.begin(), stated.end(),
                  [](std::uint32_t score) { return score > policy::kHighestRisk; })) {
    return Error(Reason::kFieldInvalid, "a risk score is 0 to 100", field);
  }
  std::vector<std::uint32_t> scores(stated.begin(), stated.end());
  tokenizer::AddRiskScores(record, scores);
  return scores;
}

template <typename Item>
absl::Status TakeDomains(const auto& domains, std::vector<absl::StatusOr<Item>>& items,
                         tokenizer::RequestFacts& facts) {
  return TakeStated(domains, "domains", DomainOf, items, facts.domains);
}

template <typename Item>
absl::Status TakeMetadata(const auto& metadata, std::vector<absl::StatusOr<Item>>& items,
                          tokenizer::RequestFacts& facts) {
  // Which no profile declares more of: else a small message made much of, once for each item.
  const auto parse =
      [](const v1::TokenMetadata& stated) -> absl::StatusOr<tokenizer::TokenMetadata> {
    if (stated.values_size() > static_cast<int>(tokenizer::kMostFields)) {
      return Error(Reason::kFieldInvalid, "at most 8 values are expected", "metadata");
    }
    return MetadataOf(stated.values());
  };
  return TakeStated(metadata, "metadata", parse, items, facts.metadata);
}

inline absl::Status StatusOf(const absl::Status& item) { return item; }
template <typename T>
absl::Status StatusOf(const absl::StatusOr<T>& item) {
  return item.status();
}

// Answers a call of one item by what `message_of` makes of it, or by its error.
template <typename Response>
absl::StatusOr<Response> AnswerOne(const auto& items, auto message_of) {
  if (!items.at(0).ok()) return StatusOf(items[0]);
  return message_of(items[0]);
}

// Answers a batch: each result is what `fill` makes of its item, or the item's error.
template <typename Response>
Response AnswerEach(Reply<Response>& reply, const auto& items, auto fill) {
  Response message;
  for (const auto& item : items) {
    auto& result = *message.add_results();
    if (item.ok()) {
      fill(item, result);
    } else {
      reply.Note(StatusOf(item));
      *result.mutable_error() = ToItemError(StatusOf(item));
    }
  }
  return message;
}

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_TOKEN_ITEMS_H_
