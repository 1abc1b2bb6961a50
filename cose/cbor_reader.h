#ifndef KEYSVC_COSE_CBOR_READER_H_
#define KEYSVC_COSE_CBOR_READER_H_

#include <cstdint>
#include <optional>
#include <string_view>

namespace keysvc::cose {

// Reads CBOR (RFC 8949) that a stranger sent, item by item and without allocating anything: what an
// item claims to hold costs nothing before it is there. Items of indefinite length are not taken.
// Not thread-safe; the bytes outlive it.
class CborReader {
 public:
  enum class Kind { kUnsigned, kNegative, kBytes, kText, kArray, kMap, kTag, kNull, kOther };

  // The head of an item. What is in an array, a map or a tag follows as items of their own.
  struct Item {
    Kind kind = Kind::kOther;
    // The number, for kNegative -1 minus it; of kArray its items, of kMap its pairs; of kTag its
    // number.
    std::uint64_t number = 0;
    std::string_view text = {};  // of kBytes and kText
  };

  explicit CborReader(std::string_view bytes) : left_(bytes) {}

  // Nullopt at the end, and for what is cut off or not well-formed.
  std::optional<Item> Next();
  // The next item with all that is in it. False as Next gives nullopt.
  [[nodiscard]] bool Skip();
  bool AtEnd() const { return left_.empty(); }

 private:
  std::string_view left_;
};

}  // namespace keysvc::cose

#endif  // KEYSVC_COSE_CBOR_READER_H_
