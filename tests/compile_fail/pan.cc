#include "tokenizer/pan.h"

#include <iostream>
#include <utility>

namespace keysvc::tokenizer {

void Use(Pan pan) {
  Pan moved = std::move(pan);
#ifdef PRINT
  std::cout << moved;
#endif
#ifdef COPY
  Pan copy = moved;
#endif
#ifdef READ
  moved.Expose();
#endif
}

}  // namespace keysvc::tokenizer
