#include "policy/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "status/abseil.h"
#include "status/macros.h"

namespace keysvc::policy {
namespace {

constexpr std::size_t kMaxBytes = 1 << 20;
constexpr std::size_t kMaxDepth = 32;

class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::shared_ptr<const YamlDocument> document)
      : document_(std::move(document)) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) Refuse(mark, "only one document is allowed");
  }
  void OnDocumentEnd() override {}
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    Refuse(mark, "aliases are not allowed");
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Add(mark, {}, anchor, YamlTree::Kind::kNull);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    const std::shared_ptr<YamlTree> node = Add(mark, tag, anchor, YamlTree::Kind::kScalar);
    node->text = value;
    node->plain = tag == "?";
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Enter(mark, Add(mark, tag, anchor, YamlTree::Kind::kSequence));
  }
  void OnSequenceEnd() override { Leave(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Enter(mark, Add(mark, tag, anchor, YamlTree::Kind::kMapping));
  }
  void OnMapEnd() override { Leave(); }

  absl::StatusOr<std::shared_ptr<const YamlTree>> Finish() {
    RETURN_IF_ERROR(fault_);
    if (root_ == nullptr || root_->kind == YamlTree::Kind::kNull)
      return document_->Fault(0, 0, "the file is empty");
    RETURN_IF_ERROR(CheckKeys(*root_));
    return root_;
  }

 private:
  void Refuse(const YAML::Mark& mark, std::string_view what) {
    if (fault_.ok()) fault_ = document_->Fault(mark.line, mark.column, what);
  }

  std::shared_ptr<YamlTree> Add(const YAML::Mark& mark, const std::string& tag,
                                YAML::anchor_t anchor, YamlTree::Kind kind) {
    if (anchor != YAML::NullAnchor) Refuse(mark, "anchors are not allowed");
    if (!tag.empty() && tag != "?" && tag != "!") Refuse(mark, "tags are not allowed");
    auto node = std::make_shared<YamlTree>();
    node->document = document_;
    node->kind = kind;
    node->line = mark.line;
    node->column = mark.column;
    if (open_.empty()) {
      root_ = node;
    } else if (open_.back()->kind == YamlTree::Kind::kSequence) {
      open_.back()->items.push_back(node);
    } else if (auto& entries = open_.back()->entries;
               entries.empty() || entries.back().value != nullptr) {
      entries.push_back({node, nullptr});
    } else {
      entries.back().value = node;
    }
    return node;
  }

  void Enter(const YAML::Mark& mark, std::shared_ptr<YamlTree> node) {
    if (open_.size() >= kMaxDepth) Refuse(mark, "nested too deeply");
    open_.push_back(std::move(node));
  }
  void Leave() { open_.pop_back(); }

  // yaml-cpp keeps every pair of a mapping, also under a key that was there before.
  absl::Status CheckKeys(const YamlTree& node) {
    for (auto entry = node.entries.begin(); entry != node.entries.end(); ++entry) {
      const YamlTree& key = *entry->key;
      if (key.kind != YamlTree::Kind::kScalar) return key.Fault("a key must be a word");
      const bool twice = std::any_of(node.entries.begin(), entry, [&key](const auto& earlier) {
        return earlier.key->text == key.text;
      });
      if (twice) return key.Fault(absl::StrCat("duplicate key", ShownKey(key.text)));
      RETURN_IF_ERROR(CheckKeys(*entry->value));
    }
    for (const auto& item : node.items) RETURN_IF_ERROR(CheckKeys(*item));
    return absl::OkStatus();
  }

  std::shared_ptr<const YamlDocument> document_;
  std::shared_ptr<YamlTree> root_;
  std::vector<std::shared_ptr<YamlTree>> open_;
  absl::Status fault_;
  int documents_ = 0;
};

// yaml-cpp takes byte 4 for the end of the file and guesses UTF-16 and UTF-32 from their marks, so
// that a file could mean something else than it shows.
absl::Status CheckCharacters(std::string_view text, const YamlDocument& document) {
  int line = 0;
  int column = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool allowed = c == '\n' || c == '\r' || c == '\t' ||
                         (byte >= 0x20 && byte != 0x7f && byte != 0xfe && byte != 0xff);
    if (!allowed) return document.Fault(line, column, "control characters are not allowed");
    column = c == '\n' ? 0 : column + 1;
    line += c == '\n' ? 1 : 0;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status YamlDocument::Fault(int at_line, int at_column, std::string_view what) const {
  return Error(reason,
               absl::StrCat(file, ":", at_line + 1, ":", at_column + 1, ": ", ToAbsl(what)));
}

absl::StatusOr<std::shared_ptr<const YamlTree>> ReadYaml(std::string_view text,
                                                         std::string_view file_name,
                                                         Reason reason) {
  const auto document =
      std::make_shared<const YamlDocument>(YamlDocument{std::string(file_name), reason});
  if (text.size() > kMaxBytes) return document->Fault(0, 0, "the file is larger than 1 MiB");
  RETURN_IF_ERROR(CheckCharacters(text, *document));
  TreeBuilder builder(document);
  try {
    // The end mark makes yaml-cpp notice a quotation that is never closed.
    std::istringstream in(absl::StrCat(ToAbsl(text), "\n...\n"));
    YAML::Parser parser(in);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    // Some messages end in the offending input after a colon.
    const std::string what = error.msg.substr(0, error.msg.find(':'));
    return document->Fault(std::max(error.mark.line, 0), std::max(error.mark.column, 0),
                           absl::StrCat("not YAML: ", what));
  } catch (const std::exception&) {
    return document->Fault(0, 0, "not YAML");
  }
  return builder.Finish();
}

std::string ShownKey(std::string_view key) {
  constexpr std::size_t kLongest = 40;
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-";
  const bool shown = !key.empty() && key.size() <= kLongest &&
                     key.find_first_not_of(kLetters) == std::string_view::npos;
  return shown ? absl::StrCat(" \"", ToAbsl(key), "\"") : std::string();
}

}  // namespace keysvc::policy
