#ifndef KEYSVC_KEYSVC_SYSTEMD_H_
#define KEYSVC_KEYSVC_SYSTEMD_H_

#include <string_view>

namespace keysvc {

// Tells systemd, when it started this process and asked to be told (sd_notify(3)): "READY=1",
// "STOPPING=1". Does nothing otherwise.
void NotifyServiceManager(std::string_view state);

}  // namespace keysvc

#endif  // KEYSVC_KEYSVC_SYSTEMD_H_
