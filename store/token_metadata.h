#ifndef KEYSVC_STORE_TOKEN_METADATA_H_
#define KEYSVC_STORE_TOKEN_METADATA_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace keysvc::store {

// One value of a token's metadata. Neither part has a comma, and the field has no "=".
struct MetadataValue {
  std::string field;
  std::string value;
  friend bool operator==(const MetadataValue&, const MetadataValue&) = default;
};

// As a row has them: "channel=web,order=17", in the order in which they come.
std::string MetadataText(std::span<const MetadataValue> values);
// What such a text says. Of any other text whatever its pieces are: a row's MAC binds the text.
std::vector<MetadataValue> MetadataOf(std::string_view text);

}  // namespace keysvc::store

#endif  // KEYSVC_STORE_TOKEN_METADATA_H_
