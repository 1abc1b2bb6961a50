#include "policy/strict_yaml.h"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "policy/yaml_tree.h"
#include "status/abseil.h"
#include "status/macros.h"

namespace keysvc::policy {

YamlNode::YamlNode(std::shared_ptr<const YamlTree> tree) : tree_(std::move(tree)) {}

absl::StatusOr<YamlNode> YamlNode::Parse(std::string_view text, std::string_view file_name,
                                         Reason reason) {
  ASSIGN_OR_RETURN(std::shared_ptr<const YamlTree> tree, ReadYaml(text, file_name, reason));
  return YamlNode(std::move(tree));
}

absl::Status YamlNode::RequireKeys(std::initializer_list<std::string_view> known) const {
  if (tree_->kind != YamlTree::Kind::kMapping) return Fault("a mapping is expected");
  for (const YamlTree::Entry& entry : tree_->entries) {
    if (std::find(known.begin(), known.end(), entry.key->text) == known.end()) {
      return entry.key->Fault(absl::StrCat("unknown key", ShownKey(entry.key->text)));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<YamlNode> YamlNode::Get(std::string_view key) const {
  if (tree_->kind != YamlTree::Kind::kMapping) return Fault("a mapping is expected");
  if (std::optional<YamlNode> found = Find(key)) return *std::move(found);
  return Fault(absl::StrCat("the key \"", ToAbsl(key), "\" is missing"));
}

std::optional<YamlNode> YamlNode::Find(std::string_view key) const {
  for (const YamlTree::Entry& entry : tree_->entries) {
    if (entry.key->text == key) return YamlNode(entry.value);
  }
  return std::nullopt;
}

absl::StatusOr<std::vector<YamlNode>> YamlNode::Items() const {
  if (tree_->kind != YamlTree::Kind::kSequence) return Fault("a list is expected");
  std::vector<YamlNode> items;
  items.reserve(tree_->items.size());
  for (const auto& item : tree_->items) items.push_back(YamlNode(item));
  return items;
}

absl::StatusOr<std::string> YamlNode::AsString() const {
  if (tree_->kind != YamlTree::Kind::kScalar || tree_->text.empty()) {
    return Fault("a word is expected");
  }
  return tree_->text;
}

absl::StatusOr<std::int64_t> YamlNode::AsInteger(std::int64_t low, std::int64_t high) const {
  const std::string& text = tree_->text;
  const std::string_view digits = std::string_view(text).substr(text.starts_with('-') ? 1 : 0);
  // A leading zero means octal to some readers of YAML and nothing to others.
  const bool canonical =
      tree_->plain && !digits.empty() && digits != "-" && (digits[0] != '0' || text == "0");
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!canonical || error != std::errc() || end != text.data() + text.size()) {
    return Fault("a decimal number is expected");
  }
  if (value < low || value > high) {
    return Fault(absl::StrCat("a number from ", low, " to ", high, " is expected"));
  }
  return value;
}

absl::StatusOr<bool> YamlNode::AsBool() const {
  if (tree_->plain && tree_->text == "true") return true;
  if (tree_->plain && tree_->text == "false") return false;
  return Fault("true or false is expected");
}

absl::StatusOr<std::vector<std::string>> YamlNode::AsStrings() const {
  ASSIGN_OR_RETURN(const std::vector<YamlNode> items, Items());
  std::vector<std::string> strings;
  strings.reserve(items.size());
  for (const YamlNode& item : items) {
    ASSIGN_OR_RETURN(std::string text, item.AsString());
    strings.push_back(std::move(text));
  }
  return strings;
}

std::string YamlNode::Place() const {
  return absl::StrCat(tree_->document->file, ":", tree_->line + 1, ":", tree_->column + 1);
}

absl::Status YamlNode::Fault(std::string_view message) const { return tree_->Fault(message); }

}  // namespace keysvc::policy
