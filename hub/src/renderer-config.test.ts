import { describe, expect, it } from "vitest";
import { readRendererConfig, rendererUsage } from "./renderer-config.ts";

describe("what a renderer is told", () => {
  it("is a folder and a socket at least", () => {
    expect(readRendererConfig(["--directory=d"], { MUSTER_SOCKET: "s" })).toMatchObject({
      directory: "d",
      socket: "s",
      processes: 2,
    });
    expect(rendererUsage()).toContain("--directory");
  });

  it.each([
    [["--socket=s"], /--directory .*is missing/],
    [["--directory=d"], /Neither --socket nor --listen/],
    [["--directory=d", "--socket=s", "--listen=h:1"], /both given/],
    [["--directory=d", "--listen=h:1", "--tls-key=k"], /without --tls-certificate/],
    [["--directory=d", "--listen=here"], /host:port/],
  ])("is refused, with what to do: %j", (argv, message) => {
    expect(() => readRendererConfig(argv, {})).toThrow(message);
  });
});
