#include "audit/verifier.h"

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <set>
#include <utility>
#include <vector>

#include "audit/checkpoint.h"
#include "audit/export_format.h"
#include "audit/merkle.h"
#include "crypto/base64.h"
#include "nlohmann/json.hpp"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::audit {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kSaltSize = 16;
constexpr int kDeepest = 8;  // no line of an export nests half as deep

// What is wrong; the caller adds the line's number.
absl::Status Fault(std::string_view what) { return Error(Reason::kIntegrityFailure, what); }

// The line as JSON. Only its canonical form is accepted, so one record has one spelling.
absl::StatusOr<Json> ParseLine(const std::string& line) {
  // Comparing recurses, so that a line that only nests must not get there.
  bool too_deep = false;
  const auto keep = [&too_deep](int depth, Json::parse_event_t /*event*/, const Json& /*value*/) {
    too_deep = too_deep || depth > kDeepest;
    return !too_deep;
  };
  const Json json = Json::parse(line, keep, /*allow_exceptions=*/false);
  if (too_deep || !json.is_object() || json.dump() != line) {
    return Fault("not a JSON object in canonical form");
  }
  return json;
}

absl::Status RequireMembers(const Json& json, std::initializer_list<std::string_view> names) {
  const bool complete = json.is_object() && json.size() == names.size() &&
                        std::ranges::all_of(names, [&json](std::string_view name) {
                          return json.contains(std::string(name));
                        });
  return complete ? absl::OkStatus() : Fault("members are missing or unknown");
}

absl::StatusOr<std::string> Text(const Json& json, const char* name) {
  const auto member = json.find(name);
  if (member == json.end() || !member->is_string()) return Fault("a member is not text");
  return member->get<std::string>();
}

absl::StatusOr<std::uint64_t> Number(const Json& json, const char* name) {
  const auto member = json.find(name);
  if (member == json.end() || !member->is_number_unsigned()) {
    return Fault("a member is not a number");
  }
  return member->get<std::uint64_t>();
}

absl::StatusOr<std::string> Bytes(const Json& json, const char* name, std::size_t size) {
  ASSIGN_OR_RETURN(const std::string text, Text(json, name));
  std::optional<std::string> bytes = crypto::FromBase64(text);
  if (!bytes.has_value() || bytes->size() != size) {
    return Fault("a member is not base64 of the right length");
  }
  return *std::move(bytes);
}

// "2026-01-31T23:59:59.000Z"
bool IsTime(std::string_view text) {
  constexpr std::string_view kShape = "0000-00-00T00:00:00.000Z";
  return std::ranges::equal(text, kShape, [](char c, char shape) {
    return shape == '0' ? c >= '0' && c <= '9' : c == shape;
  });
}

class ExportVerifier {
 public:
  // `checkpoint_key` signed the outside checkpoint.
  ExportVerifier(std::string_view verifier_key, std::optional<Checkpoint> outside,
                 std::string_view checkpoint_key)
      : verifier_key_(verifier_key),
        outside_(std::move(outside)),
        log_key_(checkpoint_key),
        log_key_known_(outside_.has_value()) {}

  absl::Status Manifest(const Json& line) {
    RETURN_IF_ERROR(
        RequireMembers(line, {"first", "format", "origin", "size", "tree", "verifier_key"}));
    ASSIGN_OR_RETURN(const std::string format, Text(line, "format"));
    if (format != kExportFormat) return Fault("not an export, or of an unknown version");
    ASSIGN_OR_RETURN(const std::string key, Text(line, "verifier_key"));
    if (key != verifier_key_) return Fault("the export is for another verifier key");
    ASSIGN_OR_RETURN(verified_.origin, Text(line, "origin"));
    ASSIGN_OR_RETURN(verified_.first, Number(line, "first"));
    ASSIGN_OR_RETURN(verified_.size, Number(line, "size"));
    if (verified_.first > verified_.size) return Fault("the range is not one");

    store::FrontierRow row;
    row.size = verified_.first;
    const Json& tree = line.at("tree");
    if (!tree.is_array()) return Fault("the tree before the range is malformed");
    for (const Json& hash : tree) {
      if (!hash.is_string()) return Fault("the tree before the range is malformed");
      row.hashes.push_back(crypto::FromBase64(hash.get<std::string>()).value_or(""));
    }
    ASSIGN_OR_RETURN(tree_, Frontier::FromRow(row));
    return CompareWithOutside();
  }

  bool AllRecordsRead() const { return tree_.size() == verified_.size; }

  absl::Status Record(const Json& line) {
    RETURN_IF_ERROR(RequireMembers(line, {"body", "body_salt", "header", "header_salt", "index"}));
    ASSIGN_OR_RETURN(const std::uint64_t index, Number(line, "index"));
    if (index != tree_.size()) return Fault("a record is missing, doubled or out of order");
    RETURN_IF_ERROR(Header(line.at("header"), index));
    RETURN_IF_ERROR(Intents(line.at("header"), line.at("body"), index));
    RETURN_IF_ERROR(Restoration(line.at("header"), line.at("body"), index));

    ASSIGN_OR_RETURN(const std::string header_salt, Bytes(line, "header_salt", kSaltSize));
    ASSIGN_OR_RETURN(const std::string body_salt, Bytes(line, "body_salt", kSaltSize));
    std::string data("\x01");
    data += crypto::AsText(crypto::Sha256({header_salt, line.at("header").dump()}));
    data += crypto::AsText(crypto::Sha256({body_salt, line.at("body").dump()}));
    tree_.Append(LeafHash(data));
    return CompareWithOutside();
  }

  absl::Status SignedCheckpoint(const Json& line) {
    RETURN_IF_ERROR(RequireMembers(line, {"checkpoint"}));
    ASSIGN_OR_RETURN(const std::string note, Text(line, "checkpoint"));
    ASSIGN_OR_RETURN(const Checkpoint checkpoint, OpenCheckpoint(note, verifier_key_));
    if (checkpoint.origin != verified_.origin || checkpoint.size != verified_.size) {
      return Fault("the checkpoint is not of this export");
    }
    if (checkpoint.root != tree_.Root()) return Fault("the records do not give the signed root");
    if (log_key_ != verifier_key_) {
      return Fault("no recorded restoration leads to the key that signed the checkpoint");
    }
    return absl::OkStatus();
  }

  Verified Result() {
    verified_.unresolved = open_intents_.size();
    return verified_;
  }

 private:
  absl::Status Header(const Json& header, std::uint64_t index) {
    RETURN_IF_ERROR(RequireMembers(
        header, {"action", "actor", "class", "index", "outcome", "profile", "time"}));
    ASSIGN_OR_RETURN(const std::uint64_t committed_index, Number(header, "index"));
    if (committed_index != index) return Fault("a record stands at another's place");
    ASSIGN_OR_RETURN(const std::string action, Text(header, "action"));
    ASSIGN_OR_RETURN(const std::string group, Text(header, "class"));
    if (group != action.substr(0, action.find('.'))) return Fault("the class is not the action's");
    RETURN_IF_ERROR(Text(header, "actor").status());
    RETURN_IF_ERROR(Text(header, "profile").status());
    ASSIGN_OR_RETURN(const std::string time, Text(header, "time"));
    if (!IsTime(time)) return Fault("the time is malformed");
    if (verified_.first_time.empty()) verified_.first_time = time;
    verified_.last_time = time;
    return absl::OkStatus();
  }

  // Counts the outcome, and keeps the intents that no later record has named yet.
  absl::Status Intents(const Json& header, const Json& body, std::uint64_t index) {
    ASSIGN_OR_RETURN(const std::string outcome, Text(header, "outcome"));
    if (outcome == "success") {
      ++verified_.successes;
    } else if (outcome == "denied") {
      ++verified_.denials;
    } else if (outcome == "failed") {
      ++verified_.failures;
    } else if (outcome == "intent") {
      open_intents_.insert(std::to_string(index));
    } else {
      return Fault("the outcome is unknown");
    }
    if (!body.is_object()) return Fault("the body is not an object");
    if (!body.contains("details")) return absl::OkStatus();
    const Json& details = body.at("details");
    if (!details.is_object()) return Fault("the details are not an object");
    if (!details.contains("intent")) return absl::OkStatus();
    ASSIGN_OR_RETURN(const std::string intent, Text(details, "intent"));
    if (intent != std::to_string(index)) open_intents_.erase(intent);
    return absl::OkStatus();
  }

  // A restored log goes on under another key, which its record names together with the one before.
  absl::Status Restoration(const Json& header, const Json& body, std::uint64_t index) {
    if (header.at("action") != "Log.Restored") return absl::OkStatus();
    ++verified_.restorations;
    // What lies before the outside checkpoint led to that checkpoint's key.
    if (outside_.has_value() && index < outside_->size) return absl::OkStatus();
    if (!body.contains("details")) return Fault("a restoration does not name its keys");
    ASSIGN_OR_RETURN(const std::string before, Text(body.at("details"), "old_verifier_key"));
    ASSIGN_OR_RETURN(log_key_, NextKey(before, body.at("details")));
    log_key_known_ = true;
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> NextKey(const std::string& before, const Json& details) const {
    if (log_key_known_ && before != log_key_) {
      return Fault("a restoration follows upon another key than the log's");
    }
    return Text(details, "verifier_key");
  }

  absl::Status CompareWithOutside() {
    if (!outside_.has_value() || outside_->size != tree_.size()) return absl::OkStatus();
    if (outside_->root != tree_.Root()) {
      return Fault("up to here the log is not the one of the outside checkpoint");
    }
    verified_.against_outside_checkpoint = true;
    return absl::OkStatus();
  }

  const std::string verifier_key_;
  const std::optional<Checkpoint> outside_;
  std::string log_key_;  // as of the last record read
  bool log_key_known_;
  Verified verified_;
  Frontier tree_;
  std::set<std::string> open_intents_;  // their indexes
};

absl::StatusOr<Json> NextLine(std::istream& lines) {
  std::string line;
  if (!std::getline(lines, line)) return Fault("the export ends too early");
  if (lines.eof()) return Fault("the export ends within a line");
  return ParseLine(line);
}

absl::Status VerifyLines(std::istream& lines, ExportVerifier& verifier, std::uint64_t& number) {
  number = 1;
  ASSIGN_OR_RETURN(const Json manifest, NextLine(lines));
  RETURN_IF_ERROR(verifier.Manifest(manifest));
  for (++number; !verifier.AllRecordsRead(); ++number) {
    ASSIGN_OR_RETURN(const Json record, NextLine(lines));
    RETURN_IF_ERROR(verifier.Record(record));
  }
  ASSIGN_OR_RETURN(const Json checkpoint, NextLine(lines));
  RETURN_IF_ERROR(verifier.SignedCheckpoint(checkpoint));
  ++number;
  if (lines.peek() != std::istream::traits_type::eof()) return Fault("the export goes on");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Verified> VerifyExport(std::istream& lines, std::string_view verifier_key,
                                      std::optional<std::string_view> outside_checkpoint,
                                      std::optional<std::string_view> checkpoint_key) {
  const std::string_view outside_key = checkpoint_key.value_or(verifier_key);
  std::optional<Checkpoint> outside;
  if (outside_checkpoint.has_value()) {
    ASSIGN_OR_RETURN(outside, OpenCheckpoint(*outside_checkpoint, outside_key));
  }
  ExportVerifier verifier(verifier_key, outside, outside.has_value() ? outside_key : verifier_key);
  std::uint64_t number = 0;
  absl::Status status;
  try {
    status = VerifyLines(lines, verifier, number);
  } catch (const Json::exception&) {
    status = Fault("the line cannot be read");
  }
  if (!status.ok()) {
    return Error(Reason::kIntegrityFailure,
                 "line " + std::to_string(number) + ": " + std::string(status.message()));
  }
  const Verified verified = verifier.Result();
  if (outside.has_value() && !verified.against_outside_checkpoint) {
    return Error(Reason::kFieldInvalid,
                 "the outside checkpoint is not within the range of this export: export from its "
                 "size, or from before it");
  }
  return verified;
}

}  // namespace keysvc::audit
