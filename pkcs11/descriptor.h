#ifndef KEYSVC_PKCS11_DESCRIPTOR_H_
#define KEYSVC_PKCS11_DESCRIPTOR_H_

#include <unistd.h>

namespace keysvc::pkcs11 {

// An open file descriptor, closed when the object goes. Negative when opening failed.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return number_; }
  bool open() const { return number_ >= 0; }

 private:
  int number_;
};

}  // namespace keysvc::pkcs11

#endif  // KEYSVC_PKCS11_DESCRIPTOR_H_
