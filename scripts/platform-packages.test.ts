import { describe, expect, it } from "vitest";
import { completeLockfile, platformOf } from "./platform-packages.ts";

describe("completeLockfile", () => {
  it("adds the platforms that npm left out, and nothing else", () => {
    const { completed, added } = completeLockfile({
      packages: {
        "": {},
        "node_modules/tool": {
          version: "1.2.3",
          optionalDependencies: { "@tool/linux-x64": "1.2.3", "@tool/darwin-arm64": "1.2.3", ranged: "^1.0.0" },
        },
        "node_modules/@tool/linux-x64": { version: "1.2.3" },
      },
    });
    expect(added).toEqual(["@tool/darwin-arm64@1.2.3"]);
    expect(Object.keys(completed.packages)).toEqual([
      "",
      "node_modules/@tool/darwin-arm64",
      "node_modules/@tool/linux-x64",
      "node_modules/tool",
    ]);
    expect(completed.packages["node_modules/@tool/darwin-arm64"]).toEqual({
      version: "1.2.3",
      os: ["darwin"],
      cpu: ["arm64"],
      optional: true,
    });
    expect(completeLockfile(completed).added).toEqual([]);
  });

  it("finds a package that stands further in", () => {
    const nested = {
      "": {},
      "node_modules/a": { version: "1.0.0" },
      "node_modules/a/node_modules/tool": { version: "1.0.0", optionalDependencies: { "@tool/linux-x64": "1.0.0" } },
      "node_modules/a/node_modules/@tool/linux-x64": { version: "1.0.0" },
    };
    expect(completeLockfile({ packages: nested }).added).toEqual([]);
  });
});

describe("platformOf", () => {
  it.each([
    ["@biomejs/cli-linux-x64-musl", { os: ["linux"], cpu: ["x64"], libc: ["musl"] }],
    ["@bufbuild/buf-linux-armv7", { os: ["linux"], cpu: ["arm"] }],
    ["@turbo/windows-64", { os: ["win32"], cpu: ["x64"] }],
    ["@swc/core-win32-ia32-msvc", { os: ["win32"], cpu: ["ia32"] }],
    ["something-else", {}],
  ])("of %s", (name, expected) => {
    expect(platformOf(name)).toEqual(expected);
  });
});
