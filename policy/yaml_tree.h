#ifndef KEYSVC_POLICY_YAML_TREE_H_
#define KEYSVC_POLICY_YAML_TREE_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "status/reason.h"

namespace keysvc::policy {

// What all nodes of one document share to report their faults.
struct YamlDocument {
  std::string file;
  Reason reason;

  // "file:line:column: what"; line and column count from zero here, from one in the text.
  absl::Status Fault(int line, int column, std::string_view what) const;
};

// One node of a document as it was written; YamlNode is its reader.
struct YamlTree {
  enum class Kind { kNull, kScalar, kSequence, kMapping };
  struct Entry;

  std::shared_ptr<const YamlDocument> document;
  Kind kind = Kind::kNull;
  int line = 0;
  int column = 0;
  std::string text;    // of a scalar
  bool plain = false;  // a scalar without quotes
  std::vector<std::shared_ptr<YamlTree>> items;
  std::vector<Entry> entries;

  absl::Status Fault(std::string_view what) const { return document->Fault(line, column, what); }
};

struct YamlTree::Entry {
  std::shared_ptr<YamlTree> key;  // always a scalar
  std::shared_ptr<YamlTree> value;
};

// Refuses all that YamlNode promises not to let through, except keys its reader does not know.
absl::StatusOr<std::shared_ptr<const YamlTree>> ReadYaml(std::string_view text,
                                                         std::string_view file_name, Reason reason);

// A key as errors may show it, with a blank before: empty for what does not look like a key, which
// may be a value in the wrong place.
std::string ShownKey(std::string_view key);

}  // namespace keysvc::policy

#endif  // KEYSVC_POLICY_YAML_TREE_H_
