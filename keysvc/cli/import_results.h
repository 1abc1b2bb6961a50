#ifndef KEYSVC_KEYSVC_CLI_IMPORT_RESULTS_H_
#define KEYSVC_KEYSVC_CLI_IMPORT_RESULTS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace keysvc::cli {

// What became of one line of an import.
struct ImportedLine {
  std::int64_t line = 0;  // in the file of cards, from 1 on
  std::string token;      // empty: refused
  std::string reason;     // why, as on the wire; empty: imported
};

// The results of an import: a file by which one that was broken off goes on where it was. It begins
// with a line "# keysvc import ID PROFILE FORM", where FORM is a word for what the cards are
// imported with; each later one is "LINE,TOKEN,REASON", and the last one of an import that has
// ended "# done". No card is in it. Not thread-safe; held by one process at a time.
class ImportResults {
 public:
  // Begins the file, or takes up what it has: all of an import that has ended, else of calls with
  // `rows_per_call` lines whose results are there whole; Append() writes over the rest.
  // INVALID_ARGUMENT/FIELD_INVALID for a file that is none of these, of an import into another
  // profile or from lines of another form, or held by another process; UNAVAILABLE when it cannot
  // be read or written.
  static absl::StatusOr<std::unique_ptr<ImportResults>> Open(const std::string& path,
                                                             std::string_view profile,
                                                             std::string_view form,
                                                             std::int64_t rows_per_call);
  ImportResults(const ImportResults&) = delete;
  ImportResults& operator=(const ImportResults&) = delete;
  ~ImportResults();

  // A UUID, from which the request ids of the calls are made.
  const std::string& id() const { return id_; }
  std::int64_t imported() const { return imported_; }
  std::int64_t refused() const { return refused_; }
  std::int64_t rows() const { return imported_ + refused_; }
  // The line of the last row; 0 when there is none.
  std::int64_t last_line() const { return last_line_; }

  // Whether the import has ended.
  bool done() const { return done_; }

  // Adds the results of one call. On the disk when it returns.
  absl::Status Append(const std::vector<ImportedLine>& lines);
  // Says that there are no more. Likewise.
  absl::Status Finish();

 private:
  ImportResults(std::string path, int descriptor)
      : path_(std::move(path)), descriptor_(descriptor) {}
  absl::Status Begin(std::string_view terms);
  absl::Status TakeUp(std::string_view terms, std::int64_t rows_per_call);
  // Behind what is whole.
  absl::Status Write(std::string_view text);
  void Count(const ImportedLine& line);

  const std::string path_;
  const int descriptor_;
  std::string id_;
  std::int64_t imported_ = 0;
  std::int64_t refused_ = 0;
  std::int64_t last_line_ = 0;
  bool done_ = false;
  std::int64_t whole_ = 0;  // bytes
};

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_IMPORT_RESULTS_H_
