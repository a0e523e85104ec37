import { isAppError } from "@muster/shared/errors.ts";
import { describe, expect, it } from "vitest";
import { readConfig } from "./config.ts";

describe("readConfig", () => {
  it("listens on loopback unless told otherwise", () => {
    const config = readConfig(["--data-dir", "data"], {});
    expect(config.listen).toEqual({ host: "127.0.0.1", port: 8443 });
    expect(config["link-listen"]).toEqual({ host: "127.0.0.1", port: 8444 });
    expect(config.heartbeat).toBe(15_000);
    expect(config["chart-poll"]).toBe(300_000);
  });

  it("reaches only the outside unless told otherwise", () => {
    const config = readConfig(["--data-dir", "data"], {});
    expect(config).toMatchObject({ "allow-addresses": [], "allow-file-urls": false });
    const env = { MUSTER_ALLOW_ADDRESSES: "loopback, 10.0.0.0/8", MUSTER_ALLOW_FILE_URLS: "true" };
    expect(readConfig(["--data-dir", "data"], env)).toMatchObject({
      "allow-addresses": ["loopback", "10.0.0.0/8"],
      "allow-file-urls": true,
    });
  });

  it("prefers flags to the environment, and the environment to defaults", () => {
    const env = { MUSTER_DATA_DIR: "from-env", MUSTER_LISTEN: "[::1]:9", MUSTER_LOG_LEVEL: "" };
    const config = readConfig(["--data-dir=from-flag", "--tls-names", "a.example.com, b.example.com"], env);
    expect(config).toMatchObject({
      "data-dir": "from-flag",
      listen: { host: "::1", port: 9 },
      "log-level": "info",
      "tls-names": ["a.example.com", "b.example.com"],
    });
  });

  it.each([
    [[], "--data-dir (or MUSTER_DATA_DIR) is missing."],
    [["--data-dir"], "--data-dir needs a value."],
    [["--data-dir", "d", "--lissten", "x"], '"--lissten" is not a flag of the hub.'],
    [["--data-dir", "d", "--listen", "8443"], "--listen (or MUSTER_LISTEN) is wrong: write it as host:port."],
    [["--data-dir", "d", "--listen", "a:99999"], "--listen (or MUSTER_LISTEN) is wrong: a port is at most 65535."],
    [
      ["--data-dir", "d", "--chart-poll", "10ms"],
      "--chart-poll (or MUSTER_CHART_POLL) is wrong: it is between 1s and 24h.",
    ],
    [["--data-dir", "d", "--heartbeat", "soon"], "--heartbeat (or MUSTER_HEARTBEAT) is wrong: write it as 15s."],
    [
      ["--data-dir", "d", "--heartbeat", "5m"],
      "--heartbeat (or MUSTER_HEARTBEAT) is wrong: it is between 500ms and 60s.",
    ],
    [
      ["--data-dir", "d", "--allow-file-urls", "yes"],
      "--allow-file-urls (or MUSTER_ALLOW_FILE_URLS) is wrong: write true or false.",
    ],
    [
      ["--data-dir", "d", "--renderer", "elsewhere"],
      "is wrong: write it as unix:/run/muster/renderer.sock or host:port.",
    ],
    [["--data-dir", "d", "--renderer", "render:8445"], "--renderer-root, --renderer-certificate and --renderer-key"],
    [["--data-dir", "d", "--address", "http://hub"], "is wrong: write it as https://hub.example.com."],
  ])("names the key and the fix for %j", (argv, message) => {
    try {
      readConfig(argv, {});
      expect.unreachable();
    } catch (error) {
      expect(isAppError(error, "invalid") && error.message).toContain(message);
      expect(isAppError(error) && error.fix).toBeTruthy();
    }
  });
});
