#ifndef KEYSVC_TOKENIZER_COUNT_MIN_SKETCH_H_
#define KEYSVC_TOKENIZER_COUNT_MIN_SKETCH_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace keysvc::tokenizer {

// How often each of any number of keys was added, in 512 KiB: a count-min sketch with conservative
// update (Cormode and Muthukrishnan 2005; Estan and Varghese 2002). A count is never too low, and
// too high by about the number of all additions divided by kWidth at most. It stops at 65,535.
// Takes no memory before the first Add(). Not thread-safe.
class CountMinSketch {
 public:
  static constexpr std::size_t kWidth = std::size_t{1} << 16;

  void Add(std::uint64_t key);
  std::uint64_t Count(std::uint64_t key) const;

 private:
  static constexpr std::size_t kRows = 4;

  // Where each row counts the key.
  static std::array<std::size_t, kRows> PlacesOf(std::uint64_t key);

  std::vector<std::uint16_t> counts_;  // row after row
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_COUNT_MIN_SKETCH_H_
