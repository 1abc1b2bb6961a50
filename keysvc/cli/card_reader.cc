#include "keysvc/cli/card_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "keysvc/cli/file.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::cli {
namespace {

constexpr std::size_t kBufferSize = 16 << 10;

// The part before the next comma, which is taken off `rest`.
std::string_view Field(std::string_view& rest) {
  const std::size_t comma = rest.find(',');
  const std::string_view field = rest.substr(0, comma);
  rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  return field;
}

// "PAN[,YYYY-MM[,NAME]]".
void Fill(std::string_view row, v1::Card& card) {
  const std::string_view pan = Field(row);
  // Reserved whole, so that growing leaves no copies behind.
  card.mutable_pan()->reserve(pan.size());
  for (const char c : pan) {
    if (c != ' ' && c != '-') card.mutable_pan()->push_back(c);
  }
  const std::string_view expiry = Field(row);
  card.set_expiry(expiry.data(), expiry.size());
  card.set_cardholder_name(row.data(), row.size());
}

}  // namespace

absl::StatusOr<CardReader> CardReader::Open(const std::string& path) {
  ASSIGN_OR_RETURN(crypto::SecretBytes buffer, crypto::SecretBytes::Create(kBufferSize));
  const int descriptor = path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return FileError("cannot read", path);
  return CardReader(descriptor, std::move(buffer));
}

CardReader::CardReader(CardReader&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      buffer_(std::move(other.buffer_)),
      begin_(other.begin_),
      end_(other.end_),
      at_end_(other.at_end_),
      line_(other.line_) {}

CardReader::~CardReader() {
  if (descriptor_ > STDIN_FILENO) close(descriptor_);
}

absl::StatusOr<crypto::ByteView> CardReader::NextLine() {
  const auto buffer = buffer_.ExposeMutable(crypto::SecretAccess::kGranted);
  while (true) {
    const auto from = buffer.begin() + static_cast<std::ptrdiff_t>(begin_);
    const auto to = buffer.begin() + static_cast<std::ptrdiff_t>(end_);
    const auto found = std::find(from, to, '\n');
    if (found != to || (at_end_ && from != to)) {
      ++line_;
      begin_ = static_cast<std::size_t>(found - buffer.begin()) + (found != to ? 1 : 0);
      return crypto::ByteView(from, found);
    }
    if (at_end_) return crypto::ByteView();
    std::copy(from, to, buffer.begin());
    end_ -= begin_;
    begin_ = 0;
    if (end_ == buffer.size()) {
      return Error(Reason::kFieldInvalid, "line " + std::to_string(line_ + 1) + " is too long");
    }
    const ssize_t got = read(descriptor_, buffer.data() + end_, buffer.size() - end_);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::UnavailableError("the cards cannot be read");
    at_end_ = got == 0;
    end_ += static_cast<std::size_t>(got);
  }
}

absl::StatusOr<std::string_view> CardReader::NextRow() {
  while (true) {
    ASSIGN_OR_RETURN(const crypto::ByteView line, NextLine());
    if (line.data() == nullptr) return std::string_view();
    std::string_view row = crypto::AsText(line);
    if (row.ends_with('\r')) row.remove_suffix(1);
    if (row.find_first_not_of(" \t") != std::string_view::npos) return row;
  }
}

absl::StatusOr<bool> CardReader::Next(v1::Card& card) {
  ASSIGN_OR_RETURN(const std::string_view row, NextRow());
  if (row.data() == nullptr) return false;
  Fill(row, card);
  return true;
}

absl::StatusOr<bool> CardReader::Next(v1::ImportedCard& card) {
  ASSIGN_OR_RETURN(std::string_view row, NextRow());
  if (row.data() == nullptr) return false;
  const std::string_view token = Field(row);
  card.set_token(token.data(), token.size());
  Fill(row, *card.mutable_card());
  return true;
}

void Wipe(v1::Card& card) {
  crypto::Wipe(*card.mutable_pan());
  crypto::Wipe(*card.mutable_expiry());
  crypto::Wipe(*card.mutable_cardholder_name());
}

void Wipe(v1::ImportedCard& card) {
  Wipe(*card.mutable_card());
  crypto::Wipe(*card.mutable_token());
}

}  // namespace keysvc::cli
