import { describe, expect, it } from "vitest";
import { parseAddress } from "./address.ts";

describe("an address", () => {
  it.each([
    ["https://git.example.com/team/fleet.git/", { kind: "http", url: "https://git.example.com/team/fleet.git" }],
    ["http://[::1]:8080/fleet", { kind: "http", host: "::1" }],
    ["ssh://git.example.com/fleet.git", { kind: "ssh", user: "git", port: 22, path: "/fleet.git" }],
    ["ssh://ada@git.example.com:2222/~/fleet.git", { kind: "ssh", user: "ada", port: 2222, path: "~/fleet.git" }],
    [
      "git@git.example.com:team/fleet.git",
      { kind: "ssh", user: "git", host: "git.example.com", path: "team/fleet.git" },
    ],
    ["git@[2001:db8::1]:fleet.git", { kind: "ssh", host: "2001:db8::1", path: "fleet.git" }],
    ["file:///srv/git/a%20b", { kind: "file", path: "/srv/git/a b" }],
  ])("%s is read", (url, expected) => {
    expect(parseAddress(url)).toMatchObject(expected);
  });

  it.each([
    "ext::sh -c true",
    "fleet",
    "/srv/git/fleet",
    "git.example.com:fleet.git",
    "git@host::fleet",
    "git@-oProxyCommand=x:fleet",
    "-u@host:fleet",
    "ssh://-oProxyCommand=x/fleet",
    "ssh://ada:secret@host/fleet",
    "git@host:--upload-pack=x",
    "https://ada@host/fleet",
    "https://host/fleet?x=1",
    "file://elsewhere/srv",
    "ftp://host/fleet",
  ])("%s is refused", (url) => {
    expect(() => parseAddress(url)).toThrow(expect.objectContaining({ code: "invalid" }));
  });
});
