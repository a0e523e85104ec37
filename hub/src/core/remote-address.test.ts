import { expect, it } from "vitest";
import { formatRemote, isAtOrBelow, parseRemote } from "./remote-address.ts";

it.each([
  // Spellings of one place.
  ["https://git.example.com/team/shop.git", "https://git.example.com/team", true],
  ["https://git.example.com/team/shop.git", "https://git.example.com/team/", true],
  ["https://git.example.com/team/shop.git", "https://git.example.com", true],
  ["https://git.example.com/team/shop.git", "https://git.example.com/team/shop", true],
  ["https://git.example.com/team/shop", "https://git.example.com/team/shop.git", true],
  ["https://git.example.com/team/shop/", "https://git.example.com/team/shop", true],
  ["https://git.example.com/team/shop.git/info/lfs", "https://git.example.com/team/shop.git", true],
  ["HTTPS://Git.Example.COM/team/shop", "https://git.example.com/team", true],
  ["https://git.example.com./team/shop", "https://git.example.com/team", true],
  ["https://git.example.com:443/team/shop", "https://git.example.com/team", true],
  ["https://git.example.com:/team/shop", "https://git.example.com/team", true],
  ["http://git.example.com:80/team/shop", "http://git.example.com/team", true],
  ["https://ada:secret@git.example.com/team/shop", "https://git.example.com/team", true],
  ["https://git.example.com/other/../team/./shop", "https://git.example.com/team", true],
  ["https://git.example.com//team///shop", "https://git.example.com/team", true],
  ["https://git.example.com/%74eam/shop", "https://git.example.com/team", true],
  ["https://bücher.example/team", "https://xn--bcher-kva.example/team", true],
  ["https://[::1]:8443/team", "https://[0:0:0:0:0:0:0:1]:8443/", true],
  ["https://0x7f.1/team", "https://127.0.0.1/team", true],
  ["git@git.example.com:team/shop.git", "ssh://git@git.example.com/team", true],
  ["git@git.example.com:/team/shop.git", "git@git.example.com:team", true],
  ["git@[git.example.com:2222]:team/shop", "ssh://git.example.com:2222/team", true],
  ["ssh://git@git.example.com:22/team/shop", "git@git.example.com:team/", true],
  ["oci://registry.example.com/charts/shop", "oci://registry.example.com/charts", true],
  ["file:///srv/git/shop", "file:///srv/git", true],
  // Other places.
  ["https://git.example.com/teams/shop", "https://git.example.com/team", false],
  ["https://git.example.com/Team/shop", "https://git.example.com/team", false],
  ["https://git.example.com/team", "https://git.example.com/team/shop", false],
  ["https://git.example.com/team.git/shop", "https://git.example.com/team", false],
  ["https://git.example.com.evil.example/team", "https://git.example.com/team", false],
  ["https://git.example.com@evil.example/team", "https://git.example.com", false],
  ["https://evil.example/git.example.com/team", "https://git.example.com/team", false],
  ["http://git.example.com/team/shop", "https://git.example.com/team", false],
  ["https://git.example.com:8443/team/shop", "https://git.example.com/team", false],
  ["https://git.example.com/team/../other/shop", "https://git.example.com/team", false],
  ["https://git.example.com/team/%2e%2e/other", "https://git.example.com/team", false],
  ["git@git.example.com:team/../other", "ssh://git.example.com/team", false],
  ["ssh://git.example.com:443/team", "ssh://git.example.com/team", false],
  ["ssh://git.example.com/team", "https://git.example.com/team", false],
])("%s at or below %s: %s", (address, prefix, expected) => {
  const [one, other] = [parseRemote(address), parseRemote(prefix)];
  if (one === null || other === null) return expect.unreachable("an address was not understood");
  expect(isAtOrBelow(one, other)).toBe(expected);
});

it.each([
  "",
  "git.example.com/team",
  "/srv/git/shop",
  "https:///team",
  "https://git.example.com\t.evil.example/",
  "https://git.example.com\\@evil.example/",
  "https://git.example.com#@evil.example/",
  "https://git.example.com?@evil.example/",
  "https://git.example.com/team?x=1",
  "https://git.example.com/team/..%2fother",
  "https://git.example.com/team/%252e%252e/other",
  "https://git.example.com/team/..%5cother",
  "https://git.example.com/team/%00",
  "https://git.example.com/%ff",
  "https://git.example.com:99999/",
  "https://git.example.com:port/",
  "https://a b/",
  "https://[::1/team",
  "file://host/srv/git",
  "file://a:b/srv/git",
])("%j is not understood, so it is equal to nothing", (address) => {
  expect(parseRemote(address)).toBeNull();
});

it.each([
  ["https://ada:secret@Git.Example.com:443/a/../team/shop.git", "https://git.example.com/team/shop.git"],
  ["git@git.example.com:team/shop", "ssh://git.example.com/team/shop"],
  ["https://git.example.com:8443", "https://git.example.com:8443/"],
])("writes %s as %s", (address, expected) => {
  const parsed = parseRemote(address);
  expect(parsed && formatRemote(parsed)).toBe(expected);
});
