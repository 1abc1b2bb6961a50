#include "keysvc/cli/http_file.h"

#include <cstddef>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::cli {
namespace {

constexpr std::string_view kVersion = "HTTP/";

class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}

  bool AtEnd() const { return rest_.empty(); }
  std::string_view Rest() const { return rest_; }
  std::string_view Next() {
    const std::size_t end = rest_.find('\n');
    std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    ++number_;
    return line;
  }
  // Of the line that came last.
  absl::Status Fault(std::string_view what) const {
    return Error(Reason::kFieldInvalid, absl::StrCat("line ", number_, " ", ToAbsl(what)));
  }

 private:
  std::string_view rest_;
  int number_ = 0;
};

struct Head {
  HttpFields fields;
  bool ended = false;  // by an empty line
};

absl::StatusOr<Head> TakeFields(Lines& lines) {
  Head head;
  while (!lines.AtEnd()) {
    const std::string_view line = lines.Next();
    if (line.empty()) {
      head.ended = true;
      break;
    }
    const std::size_t colon = line.find(':');
    // RFC 9112 section 5.1 and 5.2: no blank before the colon, no line that goes on in the next.
    if (colon == std::string_view::npos || colon == 0 || line.find_first_of(" \t") < colon) {
      return lines.Fault("is no field (\"name: value\")");
    }
    v1::HttpField& field = *head.fields.Add();
    field.set_name(std::string(line.substr(0, colon)));
    field.set_value(std::string(absl::StripAsciiWhitespace(ToAbsl(line.substr(colon + 1)))));
  }
  return head;
}

// RFC 9112 section 3.2: in origin form ("/path?query") or in absolute form.
void SetTarget(std::string_view target, std::string_view scheme, v1::HttpMessage& message) {
  const std::size_t colon = target.find("://");
  if (!target.starts_with('/') && colon != std::string_view::npos) {
    scheme = target.substr(0, colon);
    target.remove_prefix(colon + 3);
    const std::size_t end = target.find_first_of("/?");
    message.set_authority(std::string(target.substr(0, end)));
    target.remove_prefix(end == std::string_view::npos ? target.size() : end);
  }
  message.set_scheme(std::string(scheme));
  const std::size_t mark = target.find('?');
  message.set_path(std::string(target.substr(0, mark)));
  if (mark != std::string_view::npos) message.set_query(std::string(target.substr(mark + 1)));
}

bool SetFirstLine(std::string_view line, std::string_view scheme, v1::HttpMessage& message) {
  const std::vector<std::string> words = absl::StrSplit(ToAbsl(line), absl::MaxSplits(' ', 2));
  if (line.starts_with(kVersion)) {
    int status = 0;
    if (words.size() < 2 || !absl::SimpleAtoi(words[1], &status)) return false;
    message.set_status(status);
    return true;
  }
  if (words.size() != 3 || !words[2].starts_with(kVersion)) return false;
  message.set_method(words[0]);
  SetTarget(words[1], scheme, message);
  return true;
}

}  // namespace

absl::StatusOr<v1::HttpMessage> ParseHttpMessage(std::string_view text, std::string_view scheme) {
  Lines lines(text);
  v1::HttpMessage message;
  if (!SetFirstLine(lines.Next(), scheme, message)) {
    return lines.Fault("begins no HTTP message (\"POST /path HTTP/1.1\", \"HTTP/1.1 200 OK\")");
  }
  ASSIGN_OR_RETURN(Head head, TakeFields(lines));
  *message.mutable_fields() = std::move(head.fields);
  if (head.ended) message.set_body(std::string(lines.Rest()));
  if (message.status() != 0 || !message.authority().empty()) return message;
  for (const v1::HttpField& field : message.fields()) {
    if (!absl::EqualsIgnoreCase(field.name(), "host")) continue;
    if (!message.authority().empty()) return Error(Reason::kFieldInvalid, "there are two of Host");
    message.set_authority(field.value());
  }
  return message;
}

absl::StatusOr<HttpFields> ParseHttpFields(std::string_view text) {
  Lines lines(text);
  ASSIGN_OR_RETURN(Head head, TakeFields(lines));
  return std::move(head.fields);
}

std::string HttpFieldLines(const HttpFields& fields) {
  std::string lines;
  for (const v1::HttpField& field : fields) {
    absl::StrAppend(&lines, field.name(), ": ", field.value(), "\n");
  }
  return lines;
}

}  // namespace keysvc::cli
