#ifndef KEYSVC_KEYSVC_CLI_OUTPUT_H_
#define KEYSVC_KEYSVC_CLI_OUTPUT_H_

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace keysvc::cli {

enum class Format { kTable, kJson };

using Value = std::variant<std::string, std::int64_t, bool>;
// Names and values in the order in which they are shown. A table shows the name in capitals.
using Fields = std::vector<std::pair<std::string, Value>>;

// Overwrites the values.
void Wipe(Fields& fields);

// Answers on standard output, for people (a table) or for programs (one JSON object per line).
class Output {
 public:
  explicit Output(Format format) : format_(format) {}

  // One thing: a line per field, or one JSON object.
  void Show(const Fields& fields);
  // Several of a kind, all with the same fields. May be called again for more of them.
  void ShowAll(const std::vector<Fields>& rows);

 private:
  Format format_;
  bool heading_shown_ = false;
};

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_OUTPUT_H_
