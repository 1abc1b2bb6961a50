#ifndef KEYSVC_POLICY_STRICT_YAML_H_
#define KEYSVC_POLICY_STRICT_YAML_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "status/reason.h"

namespace keysvc::policy {

struct YamlTree;

// A YAML document read strictly: no duplicate keys, anchors, aliases, tags, octal, control
// characters or several documents; every key must be known to the reader; every fault says
// "file:line:column: what". Keys may be quoted in errors, values never are. The configuration is
// read with it too. A value; copies share the document, which never changes.
class YamlNode {
 public:
  // `reason` is what every error of this document carries (CONFIG_INVALID or POLICY_INVALID).
  static absl::StatusOr<YamlNode> Parse(std::string_view text, std::string_view file_name,
                                        Reason reason);

  // Fails unless this is a mapping whose keys are all in `known`.
  absl::Status RequireKeys(std::initializer_list<std::string_view> known) const;
  // The value under `key`; an error that names the key and this mapping's place when it is missing.
  absl::StatusOr<YamlNode> Get(std::string_view key) const;
  // nullopt when it is missing, or when this is not a mapping.
  std::optional<YamlNode> Find(std::string_view key) const;
  absl::StatusOr<std::vector<YamlNode>> Items() const;  // of a sequence

  absl::StatusOr<std::string> AsString() const;  // non-empty scalar
  absl::StatusOr<std::int64_t> AsInteger(std::int64_t low,
                                         std::int64_t high) const;  // decimal only
  absl::StatusOr<bool> AsBool() const;                              // true or false
  absl::StatusOr<std::vector<std::string>> AsStrings() const;  // a sequence of non-empty scalars

  // "file:line:column", as in faults.
  std::string Place() const;
  // INVALID_ARGUMENT "file:line:column: message" at this node.
  absl::Status Fault(std::string_view message) const;

 private:
  explicit YamlNode(std::shared_ptr<const YamlTree> tree);
  std::shared_ptr<const YamlTree> tree_;
};

}  // namespace keysvc::policy

#endif  // KEYSVC_POLICY_STRICT_YAML_H_
