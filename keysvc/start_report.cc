#include "keysvc/start_report.h"

#include "absl/strings/str_cat.h"
#include "keysvc/keys/key_name.h"
#include "keysvc/keys/key_version.h"
#include "keysvc/keys/key_version_row.h"
#include "status/abseil.h"
#include "status/macros.h"

namespace keysvc {
namespace {

std::string DetailOf(const audit::Entry& start, const std::string& name) {
  const auto detail = start.details.find(name);
  return detail == start.details.end() ? std::string() : detail->second;
}

}  // namespace

std::map<std::string, std::string> LeftBehind::Details() const {
  return {{"log_pages", std::to_string(log_pages)},
          {"unfinished_keys", std::to_string(unfinished.size())}};
}

absl::StatusOr<std::vector<std::string>> FindUnfinished(store::Store& store) {
  ASSIGN_OR_RETURN(const std::vector<store::KeyVersionRow> rows, store.ListKeyVersions());
  std::vector<std::string> names;
  for (const store::KeyVersionRow& row : rows) {
    if (row.state != keys::NameOf(keys::KeyState::kPreActivation) || keys::IsPrepared(row)) {
      continue;
    }
    names.push_back(keys::KeyVersionName{{row.tenant, row.key}, row.version}.ToString());
  }
  return names;
}

std::vector<std::string> RecoveryReport(const audit::Entry& start, const LeftBehind& left) {
  if (start.action != "Log.Recovered") return {};
  std::vector<std::string> lines{
      absl::StrCat("recovered: the last run did not stop in order; its last record is ",
                   DetailOf(start, "last_index"), ", of ", DetailOf(start, "last_time")),
      absl::StrCat("recovered: what was committed in ", left.log_pages,
                   " pages of the write-ahead log's file taken over"),
      absl::StrCat("recovered: all records checked in ", DetailOf(start, "checked_in_ms"), " ms, ",
                   DetailOf(start, "since_checkpoint"),
                   " of them newer than the last checkpoint kept outside")};
  for (const std::string& name : left.unfinished) {
    lines.push_back(absl::StrCat("recovered: ", name, " given up; its making was broken off"));
  }
  return lines;
}

}  // namespace keysvc
