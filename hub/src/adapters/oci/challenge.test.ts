import { expect, it } from "vitest";
import { parseChallenges } from "./challenge.ts";

it.each([
  [
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull"',
    [
      {
        scheme: "bearer",
        parameters: {
          realm: "https://auth.docker.io/token",
          service: "registry.docker.io",
          scope: "repository:a/b:pull",
        },
      },
    ],
  ],
  ["Basic realm=registry", [{ scheme: "basic", parameters: { realm: "registry" } }]],
  [
    'BASIC realm="a \\"quoted\\", name" , Bearer realm = "https://x/t"',
    [
      { scheme: "basic", parameters: { realm: 'a "quoted", name' } },
      { scheme: "bearer", parameters: { realm: "https://x/t" } },
    ],
  ],
  [
    "Negotiate, Basic",
    [
      { scheme: "negotiate", parameters: {} },
      { scheme: "basic", parameters: {} },
    ],
  ],
  ["", []],
  ['realm="lost"', []],
  ["<<<", []],
])("reads %j", (header, expected) => {
  expect(parseChallenges(header)).toEqual(expected);
});
