import { expect, it } from "vitest";
import { mayReceive } from "./log-in.ts";

it.each([
  ["https://registry-1.docker.io", "https://auth.docker.io/token", true],
  ["https://ghcr.io", "https://ghcr.io/token", true],
  ["https://registry.gitlab.example.co.uk", "https://gitlab.example.co.uk/jwt/auth", true],
  ["https://registry.example.com:5000", "https://registry.example.com:5001/token", true],
  ["http://127.0.0.1:5000", "http://127.0.0.1:5001/token", true],
  ["https://registry.example.com", "https://example.org/token", false],
  ["https://registry.example.com", "http://registry.example.com/token", false],
  ["https://one.co.uk", "https://two.co.uk/token", false],
  ["https://one.github.io", "https://two.github.io/token", false],
  ["https://10.0.0.1", "https://10.0.0.2/token", false],
  ["https://localhost", "https://127.0.0.1/token", false],
])("a login for %s may go to %s: %s", (registry, realm, expected) => {
  expect(mayReceive(new URL(registry), new URL(realm))).toBe(expected);
});
