#include "keysvc/cli/import_command.h"

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "crypto/bytes.h"
#include "crypto/digest.h"
#include "crypto/utf8.h"
#include "keysvc/cli/card_reader.h"
#include "keysvc/cli/domain_options.h"
#include "keysvc/cli/import_results.h"
#include "keysvc/cli/request_id.h"
#include "keysvc/v1/token_service.grpc.pb.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::cli {
namespace {

constexpr std::int64_t kRowsPerCall = 100;
constexpr std::size_t kLongestText = 512;  // of any field

class Import {
 public:
  Import(const Connection& connection, const ImportOptions& options, CardReader cards,
         ImportResults& results)
      : connection_(connection),
        options_(options),
        stub_(v1::TokenService::NewStub(connection.channel())),
        cards_(std::move(cards)),
        results_(results) {}

  absl::Status Run() {
    RETURN_IF_ERROR(PassOver());
    if (results_.done()) return CheckEnd();
    for (bool more = true; more;) {
      v1::ImportTokensRequest request;
      std::vector<ImportedLine> lines;
      const absl::StatusOr<bool> read = Read(request, lines);
      const absl::Status sent = read.ok() && !lines.empty() ? Send(request, lines) : read.status();
      for (v1::ImportedCard& card : *request.mutable_cards()) Wipe(card);
      RETURN_IF_ERROR(sent);
      more = *read;
      ShowProgress();
    }
    return results_.Finish();
  }

 private:
  // Leaves out what the results have already.
  absl::Status PassOver() {
    for (std::int64_t row = 0; row < results_.rows(); ++row) {
      v1::ImportedCard card;
      const absl::StatusOr<bool> another = Next(card);
      Wipe(card);
      RETURN_IF_ERROR(another.status());
      if (!*another) return OtherCards();
    }
    const bool same = results_.rows() == 0 || cards_.line() == results_.last_line();
    return same ? absl::OkStatus() : OtherCards();
  }

  absl::Status CheckEnd() {
    v1::ImportedCard card;
    const absl::StatusOr<bool> another = Next(card);
    Wipe(card);
    RETURN_IF_ERROR(another.status());
    return *another ? OtherCards() : absl::OkStatus();
  }

  static absl::Status OtherCards() {
    return Error(Reason::kFieldInvalid, "the results are of other cards", "results");
  }

  absl::StatusOr<bool> Next(v1::ImportedCard& card) {
    return options_.tokens ? cards_.Next(card) : cards_.Next(*card.mutable_card());
  }

  // Whether the service could read the line at all: else it would refuse the call as a whole.
  static bool CanBeSent(const v1::ImportedCard& card) {
    const std::string* const texts[] = {&card.token(), &card.card().pan(), &card.card().expiry(),
                                        &card.card().cardholder_name()};
    return std::all_of(std::begin(texts), std::end(texts), [](const std::string* text) {
      return text->size() <= kLongestText && crypto::IsUtf8(*text);
    });
  }

  // As many as one call may have; false at the end.
  absl::StatusOr<bool> Read(v1::ImportTokensRequest& request, std::vector<ImportedLine>& lines) {
    request.set_parent(options_.profile);
    if (IsStated(options_.domain)) *request.add_domains() = options_.domain;
    if (IsStated(options_.metadata)) *request.add_metadata() = options_.metadata;
    while (std::ssize(lines) < kRowsPerCall) {
      v1::ImportedCard& card = *request.add_cards();
      ASSIGN_OR_RETURN(const bool another, Next(card));
      const bool sent = another && CanBeSent(card);
      if (!sent) {
        Wipe(card);
        request.mutable_cards()->RemoveLast();
      }
      if (!another) return false;
      lines.push_back({.line = cards_.line(),
                       .token = {},
                       .reason = sent ? "" : std::string(InfoOf(Reason::kFieldInvalid).name)});
    }
    return true;
  }

  // The results of the lines that are not refused already, in order.
  absl::Status Send(v1::ImportTokensRequest& request, std::vector<ImportedLine>& lines) {
    v1::ImportTokensResponse response;
    if (request.cards_size() > 0) {
      // The same for the same lines, so that a call whose answer was lost imports nothing twice.
      request.set_request_id(RequestIdOfCall(
          results_.id(), static_cast<std::uint32_t>(results_.rows() / kRowsPerCall)));
      const grpc::Status status =
          stub_->ImportTokens(connection_.Call(absl::Seconds(30)).get(), request, &response);
      if (!status.ok()) return FromWire(status);
    }
    if (response.results_size() != request.cards_size()) {
      return absl::InternalError("the service answered for another number of cards");
    }
    auto result = response.results().begin();
    for (ImportedLine& line : lines) {
      if (!line.reason.empty()) continue;
      if (result->has_error()) {
        line.reason = result->error().reason();
      } else {
        line.token = result->token().token();
      }
      ++result;
    }
    return results_.Append(lines);
  }

  void ShowProgress() const {
    if (isatty(STDERR_FILENO) == 0) return;
    std::fprintf(stderr, "\r%lld imported, %lld refused",
                 static_cast<long long>(results_.imported()),
                 static_cast<long long>(results_.refused()));
  }

  const Connection& connection_;
  const ImportOptions& options_;
  const std::unique_ptr<v1::TokenService::Stub> stub_;
  CardReader cards_;
  ImportResults& results_;
};

// What the results are of: the form of the lines, and a digest of what is stated of all tokens.
std::string FormOf(const ImportOptions& options) {
  std::string form = options.tokens ? "tokens" : "cards";
  const std::string stated =
      options.domain.SerializeAsString() + options.metadata.SerializeAsString();
  if (stated.empty()) return form;
  const std::string digest =
      absl::BytesToHexString(ToAbsl(crypto::AsText(crypto::Sha256(stated)))).substr(0, 16);
  return absl::StrCat(form, "+", digest);
}

}  // namespace

ExitCode ImportTokens(const Connection& connection, const ImportOptions& options, Output& output) {
  absl::StatusOr<CardReader> cards = CardReader::Open(options.file);
  if (!cards.ok()) return Report(cards.status());
  const auto results =
      ImportResults::Open(options.results, options.profile, FormOf(options), kRowsPerCall);
  if (!results.ok()) return Report(results.status());
  Import import(connection, options, *std::move(cards), **results);
  const absl::Status done = import.Run();
  if (isatty(STDERR_FILENO) != 0) std::fputs("\r\033[K", stderr);
  if (!done.ok()) {
    const ExitCode code = Report(done);
    std::fprintf(stderr, "%lld lines are done; the same command goes on behind them\n",
                 static_cast<long long>((*results)->rows()));
    return code;
  }
  output.Show({{"import", (*results)->id()},
               {"imported", (*results)->imported()},
               {"refused", (*results)->refused()}});
  return (*results)->refused() > 0 ? ExitCode::kNo : ExitCode::kOk;
}

}  // namespace keysvc::cli
