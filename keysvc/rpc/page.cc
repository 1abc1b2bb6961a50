#include "keysvc/rpc/page.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "status/abseil.h"
#include "status/reason.h"

namespace keysvc::rpc {
namespace {

constexpr std::int32_t kDefaultPageSize = 50;
constexpr std::int32_t kLargestPage = 200;
constexpr std::string_view kFormat = "1\n";

}  // namespace

absl::StatusOr<std::size_t> PageSizeOf(std::int32_t page_size) {
  if (page_size < 0) {
    return Error(Reason::kFieldInvalid, "the page size is negative", "page_size");
  }
  return static_cast<std::size_t>(page_size == 0 ? kDefaultPageSize
                                                 : std::min(page_size, kLargestPage));
}

absl::StatusOr<std::string> PageStartOf(std::string_view page_token, std::string_view collection) {
  if (page_token.empty()) return std::string();
  std::string text;
  if (absl::WebSafeBase64Unescape(ToAbsl(page_token), &text) && text.starts_with(kFormat)) {
    text.erase(0, kFormat.size());
    if (text.starts_with(collection)) return text;
  }
  return Error(Reason::kFieldInvalid, "the page token is not one of this list", "page_token");
}

std::string PageTokenAfter(std::string_view last) {
  return absl::WebSafeBase64Escape(absl::StrCat(ToAbsl(kFormat), ToAbsl(last)));
}

}  // namespace keysvc::rpc
