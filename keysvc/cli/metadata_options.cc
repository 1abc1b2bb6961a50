#include "keysvc/cli/metadata_options.h"

#include <vector>

#include "absl/strings/str_cat.h"

namespace keysvc::cli {

void AddMetadata(CLI::App& verb, const char* name, MetadataValues& values, const char* help) {
  verb.add_option_function<std::vector<std::string>>(
          name,
          [&values](const std::vector<std::string>& texts) {
            for (const std::string& text : texts) {
              const std::size_t middle = text.find('=');
              if (middle == std::string::npos) {
                throw CLI::ValidationError("metadata is stated as FIELD=VALUE");
              }
              v1::MetadataValue& value = *values.Add();
              value.set_field(text.substr(0, middle));
              value.set_value(text.substr(middle + 1));
            }
          },
          help)
      ->option_text("FIELD=VALUE")
      ->allow_extra_args(false);
}

std::string TextOf(const MetadataValues& values) {
  std::string text;
  for (const v1::MetadataValue& value : values) {
    absl::StrAppend(&text, text.empty() ? "" : ",", value.field(), "=", value.value());
  }
  return text;
}

}  // namespace keysvc::cli
