#ifndef KEYSVC_AUDIT_EXPORT_FORMAT_H_
#define KEYSVC_AUDIT_EXPORT_FORMAT_H_

#include <string_view>

namespace keysvc::audit {

// What the first line of an export says it is: the name and version of docs/formats.md.
inline constexpr std::string_view kExportFormat = "keysvc-audit-export/1";

}  // namespace keysvc::audit

#endif  // KEYSVC_AUDIT_EXPORT_FORMAT_H_
