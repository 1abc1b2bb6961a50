#include "store/token_metadata.h"

#include <cstddef>

namespace keysvc::store {

std::string MetadataText(std::span<const MetadataValue> values) {
  std::string text;
  for (const MetadataValue& value : values) {
    if (!text.empty()) text += ',';
    text += value.field;
    text += '=';
    text += value.value;
  }
  return text;
}

std::vector<MetadataValue> MetadataOf(std::string_view text) {
  std::vector<MetadataValue> values;
  while (!text.empty()) {
    const std::string_view piece = text.substr(0, text.find(','));
    const std::size_t middle = piece.find('=');
    values.push_back(
        {std::string(piece.substr(0, middle)),
         middle == std::string_view::npos ? std::string() : std::string(piece.substr(middle + 1))});
    text.remove_prefix(piece.size() == text.size() ? piece.size() : piece.size() + 1);
  }
  return values;
}

}  // namespace keysvc::store
