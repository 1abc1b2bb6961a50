#include "keysvc/cli/http_file.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace keysvc::cli {
namespace {

using ::keysvc::testing::HasReason;
using ::testing::HasSubstr;

constexpr char kRequest[] =
    "POST /payments?a=1&b=2 HTTP/1.1\r\n"
    "Host: bank.example:8443\r\n"
    "Content-Type:  application/json \r\n"
    "\r\n"
    "{\"amount\": 1}\r\n\r\n";

TEST(HttpFileTest, ARequestIsReadAsItIsOnTheWire) {
  const auto message = ParseHttpMessage(kRequest, "https");
  ASSERT_OK(message);
  EXPECT_EQ(message->method(), "POST");
  EXPECT_EQ(message->scheme(), "https");
  EXPECT_EQ(message->authority(), "bank.example:8443");
  EXPECT_EQ(message->path(), "/payments");
  EXPECT_EQ(message->query(), "a=1&b=2");
  ASSERT_EQ(message->fields_size(), 2);
  EXPECT_EQ(message->fields(1).name(), "Content-Type");
  EXPECT_EQ(message->fields(1).value(), "application/json");
  EXPECT_EQ(message->body(), "{\"amount\": 1}\r\n\r\n");
}

TEST(HttpFileTest, ATargetInAbsoluteFormSaysSchemeAndAuthority) {
  const auto message =
      ParseHttpMessage("GET http://proxy.example?x HTTP/1.1\nhost: other.example\n", "https");
  ASSERT_OK(message);
  EXPECT_EQ(message->scheme(), "http");
  EXPECT_EQ(message->authority(), "proxy.example");
  EXPECT_EQ(message->path(), "");
  EXPECT_EQ(message->query(), "x");
  EXPECT_EQ(message->body(), "");
}

TEST(HttpFileTest, ATargetWithAnAddressInItsQueryIsStillAPath) {
  const auto message = ParseHttpMessage("GET /back?to=https://a.example/b HTTP/1.1\n\n", "https");
  ASSERT_OK(message);
  EXPECT_EQ(message->authority(), "");
  EXPECT_EQ(message->path(), "/back");
  EXPECT_EQ(message->query(), "to=https://a.example/b");
}

TEST(HttpFileTest, AResponseHasAStatusAndNoTarget) {
  const auto message = ParseHttpMessage("HTTP/1.1 201 Created\nHost: a\n\nbody", "https");
  ASSERT_OK(message);
  EXPECT_EQ(message->status(), 201);
  EXPECT_EQ(message->method(), "");
  EXPECT_EQ(message->authority(), "");
  EXPECT_EQ(message->body(), "body");
}

TEST(HttpFileTest, ABodyMayBeEmptyAndIsNotThereWithoutTheLineBeforeIt) {
  EXPECT_TRUE(ParseHttpMessage("HTTP/1.1 204 No Content\r\nA: b\r\n\r\n", "https")->has_body());
  EXPECT_TRUE(ParseHttpMessage("GET / HTTP/1.1\n\n", "https")->has_body());
  EXPECT_FALSE(ParseHttpMessage("HTTP/1.1 204 No Content\r\nA: b\r\n", "https")->has_body());
  EXPECT_FALSE(ParseHttpMessage("GET / HTTP/1.1\n", "https")->has_body());
}

TEST(HttpFileTest, WhatIsNoMessageIsRefusedByItsLine) {
  for (const auto& [text, line] : {std::pair{"", "line 1"},
                                   {"POST /payments\n", "line 1"},
                                   {"HTTP/1.1 OK\n", "line 1"},
                                   {"GET / HTTP/1.1\nHost: a\nno field\n", "line 3"},
                                   {"GET / HTTP/1.1\nHost : a\n", "line 2"},
                                   {"GET / HTTP/1.1\nHost: a\n folded: b\n", "line 3"},
                                   {"GET / HTTP/1.1\nHost: a\nhost: b\n", "two of Host"},
                                   {"GET / HTTP/1.1\n: a\n", "line 2"}}) {
    const auto message = ParseHttpMessage(text, "https");
    EXPECT_THAT(message, HasReason(Reason::kFieldInvalid)) << text;
    EXPECT_THAT(std::string(message.status().message()), HasSubstr(line)) << text;
  }
}

TEST(HttpFileTest, FieldsAreWrittenAsTheyAreRead) {
  const std::string lines = "webhook-id: msg_1\nwebhook-signature: v1a,YQ==\n";
  const auto fields = ParseHttpFields(lines + "\nnot: read\n");
  ASSERT_OK(fields);
  EXPECT_EQ(HttpFieldLines(*fields), lines);
  EXPECT_THAT(ParseHttpFields("webhook-id msg_1\n"), HasReason(Reason::kFieldInvalid));
}

}  // namespace
}  // namespace keysvc::cli
