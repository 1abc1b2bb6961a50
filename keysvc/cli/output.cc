#include "keysvc/cli/output.h"

#include <algorithm>
#include <cctype>
#include <iostream>
#include <nlohmann/json.hpp>

#include "crypto/bytes.h"

namespace keysvc::cli {
namespace {

std::string Json(const Fields& fields) {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (const auto& [name, value] : fields) {
    std::visit([&, &key = name](const auto& v) { object[key] = v; }, value);
  }
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string Text(const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  if (const auto* truth = std::get_if<bool>(&value)) return *truth ? "yes" : "no";
  std::string text = std::get<std::string>(value);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c >= 0 && (c < 0x20 || c == 0x7f); }, ' ');
  return text;
}

std::string Heading(std::string name) {
  for (char& c : name) c = c == '_' ? ' ' : static_cast<char>(std::toupper(c));
  return name;
}

// The cells of one line, each but the last as wide as its column.
void ShowLine(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    line += cells[i];
    if (i + 1 < cells.size()) line.append(widths[i] - cells[i].size() + 2, ' ');
  }
  line.erase(line.find_last_not_of(' ') + 1);
  std::cout << line << '\n';
}

}  // namespace

void Wipe(Fields& fields) {
  for (auto& [name, value] : fields) {
    if (auto* text = std::get_if<std::string>(&value)) crypto::Wipe(*text);
  }
}

void Output::Show(const Fields& fields) {
  if (format_ == Format::kJson) {
    std::cout << Json(fields) << std::endl;
    return;
  }
  std::size_t width = 0;
  for (const auto& [name, value] : fields) width = std::max(width, name.size());
  for (const auto& [name, value] : fields) {
    ShowLine({Heading(name), Text(value)}, {width, 0});
  }
  std::cout.flush();
}

void Output::ShowAll(const std::vector<Fields>& rows) {
  if (rows.empty()) return;
  if (format_ == Format::kJson) {
    for (const Fields& row : rows) std::cout << Json(row) << '\n';
    std::cout.flush();
    return;
  }
  std::vector<std::vector<std::string>> lines;
  if (!heading_shown_) {
    for (const auto& [name, value] : rows.front()) {
      if (lines.empty()) lines.emplace_back();
      lines.front().push_back(Heading(name));
    }
  }
  heading_shown_ = true;
  for (const Fields& row : rows) {
    std::vector<std::string>& line = lines.emplace_back();
    for (const auto& [name, value] : row) line.push_back(Text(value));
  }
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const std::vector<std::string>& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  for (const std::vector<std::string>& line : lines) ShowLine(line, widths);
  std::cout.flush();
}

}  // namespace keysvc::cli
