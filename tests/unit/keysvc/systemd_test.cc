#include "keysvc/systemd.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/temporary_directory.h"

namespace keysvc {
namespace {

// What systemd would hear at an address, as NOTIFY_SOCKET writes it.
std::string Heard(const std::string& address) {
  sockaddr_un name = {};
  name.sun_family = AF_UNIX;
  address.copy(name.sun_path, address.size());
  if (address[0] == '@') name.sun_path[0] = '\0';
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM, 0);
  EXPECT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&name),
                   static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size())),
            0);
  setenv("NOTIFY_SOCKET", address.c_str(), 1);
  NotifyServiceManager("READY=1");
  unsetenv("NOTIFY_SOCKET");
  char buffer[64];
  const ssize_t size = ::recv(socket, buffer, sizeof(buffer), MSG_DONTWAIT);
  ::close(socket);
  return size < 0 ? "" : std::string(buffer, static_cast<std::size_t>(size));
}

TEST(NotifyServiceManager, TellsASocketInTheFileSystem) {
  testing::TemporaryDirectory folder;
  EXPECT_EQ(Heard(folder.File("notify")), "READY=1");
}

TEST(NotifyServiceManager, TellsAnAbstractSocket) {
  EXPECT_EQ(Heard("@keysvc-test-" + std::to_string(getpid())), "READY=1");
}

TEST(NotifyServiceManager, IsSilentWhenNobodyAsks) {
  unsetenv("NOTIFY_SOCKET");
  NotifyServiceManager("READY=1");
}

TEST(NotifyServiceManager, DoesNotMindThatNobodyHears) {
  setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
  NotifyServiceManager("READY=1");
  setenv("NOTIFY_SOCKET", std::string(200, 'x').c_str(), 1);
  NotifyServiceManager("READY=1");
  unsetenv("NOTIFY_SOCKET");
}

}  // namespace
}  // namespace keysvc
