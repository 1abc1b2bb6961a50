// Lists page by page (AIP-158), in the order of their names.
#ifndef KEYSVC_KEYSVC_RPC_PAGE_H_
#define KEYSVC_KEYSVC_RPC_PAGE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "status/macros.h"

namespace keysvc::rpc {

// How many a page may have. FIELD_INVALID for a negative number.
absl::StatusOr<std::size_t> PageSizeOf(std::int32_t page_size);

// What the next page begins behind, which is a resource name below `collection`; empty for the
// first page. FIELD_INVALID for what PageTokenAfter did not give for this collection.
absl::StatusOr<std::string> PageStartOf(std::string_view page_token, std::string_view collection);
std::string PageTokenAfter(std::string_view last);

template <typename T>
struct Page {
  std::vector<T> items;
  std::string next_page_token;  // empty on the last one
};

// The page of `all`, whose names `name_of` gives and which are in their order, that the request
// asks for. `collection` is what the names begin with.
template <typename T, typename Request, typename NameOf>
absl::StatusOr<Page<T>> PageOf(const std::vector<T>& all, const Request& request,
                               std::string_view collection, NameOf name_of) {
  ASSIGN_OR_RETURN(const std::size_t size, PageSizeOf(request.page_size()));
  ASSIGN_OR_RETURN(const std::string start, PageStartOf(request.page_token(), collection));
  const auto first =
      std::find_if(all.begin(), all.end(), [&](const T& item) { return name_of(item) > start; });
  const auto left = static_cast<std::size_t>(all.end() - first);
  const auto end = first + static_cast<std::ptrdiff_t>(std::min(size, left));
  Page<T> page{.items = {first, end}, .next_page_token = {}};
  if (end != all.end()) page.next_page_token = PageTokenAfter(name_of(page.items.back()));
  return page;
}

}  // namespace keysvc::rpc

#endif  // KEYSVC_KEYSVC_RPC_PAGE_H_
