import { describe, expect, test } from "vitest";
import { readConfig } from "./config.ts";

const hash = `sha256:${"ab".repeat(32)}`;
const good = ["--hub", "https://hub.example.com", `--ca-hash=${hash}`];

describe("readConfig", () => {
  test("flags win over the environment, and the rest has defaults", () => {
    const env = {
      MUSTER_HUB: "https://other.example.com",
      MUSTER_CA_HASH: hash,
      MUSTER_NAMESPACE: "agents",
      MUSTER_CONTEXT: "",
    };
    expect(readConfig(["--hub", "https://hub.example.com"], env)).toEqual({
      hub: "https://hub.example.com",
      "ca-hash": hash,
      namespace: "agents",
      "log-level": "info",
      "health-port": 0,
    });
  });

  test.each([
    ["nothing", [], "--hub (or MUSTER_HUB) is missing", "muster cluster register"],
    ["a hub without TLS", ["--hub", "http://hub", ...good.slice(2)], "--hub (or MUSTER_HUB) is wrong", "https://"],
    [
      "a CA hash that is none",
      [...good.slice(0, 2), "--ca-hash", "md5:1"],
      "--ca-hash (or MUSTER_CA_HASH) is wrong",
      "sha256:",
    ],
    ["an unknown flag", [...good, "--hubb", "x"], '"--hubb" is not a flag', "--hub"],
    ["a flag without its value", [...good, "--context"], "--context needs a value", "--context VALUE"],
    ["two tokens", [...good, "--join-token", "a", "--join-token-file", "b"], "both given", "one of them"],
    [
      "a level that is none",
      [...good, "--log-level", "loud"],
      "--log-level (or MUSTER_LOG_LEVEL) is wrong",
      "--log-level",
    ],
  ])("names the key and the fix: %s", (_, argv, message, fix) => {
    expect(() => readConfig(argv, {})).toThrow(
      expect.objectContaining({
        code: "invalid",
        message: expect.stringContaining(message),
        fix: expect.stringContaining(fix),
      }),
    );
  });
});
