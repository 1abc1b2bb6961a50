#ifndef KEYSVC_TESTS_SUPPORT_TEMPORARY_DIRECTORY_H_
#define KEYSVC_TESTS_SUPPORT_TEMPORARY_DIRECTORY_H_

#include <string>
#include <string_view>

namespace keysvc::testing {

// A new folder (mode 0700) that is removed with all it holds when the object goes.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string File(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

std::string ReadFile(const std::string& path);
void WriteFile(const std::string& path, std::string_view content);

}  // namespace keysvc::testing

#endif  // KEYSVC_TESTS_SUPPORT_TEMPORARY_DIRECTORY_H_
