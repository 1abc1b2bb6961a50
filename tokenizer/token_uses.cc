#include "tokenizer/token_uses.h"

#include <cstdint>
#include <map>
#include <utility>

#include "tokenizer/token_row.h"
#include "tokenizer/token_state.h"

namespace keysvc::tokenizer {
namespace {

// The row of a token that opens only so often; nullptr for others.
const store::TokenRow* LimitedRow(const TokenReading& reading) {
  if (!reading.token.ok() || !reading.token->row.has_value()) return nullptr;
  const store::TokenRow& row = *reading.token->row;
  return row.uses_left.has_value() ? &row : nullptr;
}

}  // namespace

void RefuseWhatDoesNotOpen(std::vector<TokenReading>& readings, absl::Time now) {
  for (TokenReading& reading : readings) {
    if (!reading.token.ok() || !reading.token->row.has_value()) continue;
    if (absl::Status opens = CheckOpens(*reading.token->row, now); !opens.ok()) {
      reading.token = std::move(opens);
    }
  }
}

void RefuseWhatIsUsedUp(std::vector<TokenReading>& readings) {
  std::map<std::int64_t, std::uint32_t> uses;  // by handle
  for (TokenReading& reading : readings) {
    const store::TokenRow* row = LimitedRow(reading);
    if (row != nullptr && ++uses[row->handle] > *row->uses_left) reading.token = Exhausted();
  }
}

std::uint32_t CountUses(const std::vector<TokenReading>& readings, absl::Time now,
                        const TokenReader& reader, store::Mutation& mutation) {
  std::map<std::int64_t, std::pair<const store::TokenRow*, std::uint32_t>> uses;  // by handle
  std::uint32_t counted = 0;
  for (const TokenReading& reading : readings) {
    const store::TokenRow* row = LimitedRow(reading);
    if (row == nullptr) continue;
    auto& [used, times] = uses[row->handle];
    used = row;
    ++times;
    ++counted;
  }
  for (const auto& [handle, use] : uses) {
    mutation.tokens.push_back(Used(use.second, now, *use.first, reader.row_mac()));
  }
  return counted;
}

}  // namespace keysvc::tokenizer
