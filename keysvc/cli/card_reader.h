#ifndef KEYSVC_KEYSVC_CLI_CARD_READER_H_
#define KEYSVC_KEYSVC_CLI_CARD_READER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "crypto/secret_bytes.h"
#include "keysvc/v1/token_service.pb.h"

namespace keysvc::cli {

// Reads cards, one per line "PAN[,YYYY-MM[,NAME]]", through locked memory. Spaces and hyphens in
// the PAN are dropped; empty lines are skipped. Not thread-safe.
class CardReader {
 public:
  // "-" reads standard input.
  static absl::StatusOr<CardReader> Open(const std::string& path);
  CardReader(CardReader&& other) noexcept;
  CardReader& operator=(CardReader&&) = delete;
  ~CardReader();

  // Fills in the next card; false at the end. Whoever is given a card wipes it.
  // INVALID_ARGUMENT/FIELD_INVALID when a line is too long.
  absl::StatusOr<bool> Next(v1::Card& card);
  // The same of lines that begin with the card's token and a comma.
  absl::StatusOr<bool> Next(v1::ImportedCard& card);

  // The number of the line that Next() read, from 1 on.
  std::int64_t line() const { return line_; }

 private:
  CardReader(int descriptor, crypto::SecretBytes buffer)
      : descriptor_(descriptor), buffer_(std::move(buffer)) {}
  // The next line without its end; null data at the end of the file.
  absl::StatusOr<crypto::ByteView> NextLine();
  // The next line that is not empty; null data at the end of the file.
  absl::StatusOr<std::string_view> NextRow();

  int descriptor_;
  crypto::SecretBytes buffer_;
  // What was read and not yet given out lies in [begin_, end_).
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool at_end_ = false;
  std::int64_t line_ = 0;
};

// Overwrites the fields of a card.
void Wipe(v1::Card& card);
void Wipe(v1::ImportedCard& card);

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_CARD_READER_H_
