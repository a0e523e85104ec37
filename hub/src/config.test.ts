import { isAppError } from "@muster/shared/errors.ts";
import { flagsTable } from "@muster/shared/read-flags.ts";
import { describe, expect, it } from "vitest";
import { bundleLimitsOf, hubConfig, readConfig } from "./config.ts";
import { BUNDLE_LIMITS } from "./ports/bundler.ts";

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

  it("keeps ten Releases and bundles of 32 MiB and 20,000 objects unless told otherwise", () => {
    const config = readConfig(["--data-dir", "data"], {});
    expect(config["release-history-limit"]).toBe(10);
    expect(bundleLimitsOf(config)).toEqual(BUNDLE_LIMITS);
    const flags = ["--data-dir=d", "--bundle-bytes-max=8Mi", "--bundle-objects-max=100", "--release-history-limit=3"];
    const told = readConfig(flags, {});
    expect(told["release-history-limit"]).toBe(3);
    expect(bundleLimitsOf(told)).toMatchObject({ bundleBytesMax: 8 * 1024 * 1024, objectsMax: 100 });
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
    [
      ["--data-dir", "d", "--bundle-bytes-max", "32"],
      "--bundle-bytes-max (or MUSTER_BUNDLE_BYTES_MAX) is wrong: write it as 32Mi.",
    ],
    [
      ["--data-dir", "d", "--bundle-bytes-max", "65Mi"],
      "--bundle-bytes-max (or MUSTER_BUNDLE_BYTES_MAX) is wrong: it is between 1Mi and 64Mi.",
    ],
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

/** Written anew by `npx vitest run --project unit hub/src/config.test.ts --update`. */
it("is told in full by the reference", async () => {
  const page = `# The hub's flags

<!-- Written from hub/src/config.ts by its test; see there. -->

\`npm run hub -- --data-dir hub-data\` starts a hub. Each flag is also an environment variable; a flag wins, and an empty
variable counts as absent. \`--help\` prints the same. It writes JSON lines to standard output, and ends with 0 when it was
told to stop, 1 when something failed for good, 2 when a flag is wrong, and 3 when the data belongs to a newer Muster, to
another process, or is damaged.

${flagsTable(hubConfig)}
How long Releases are kept: the newest \`--release-history-limit\` of each App (its definition may say another number,
\`spec.releaseHistoryLimit\`), and whatever their number those that a cluster runs or ran last, that are pinned, and that
are to run. With a Release its bundles, its chart archives and what it was made from are kept, so that it can be rolled
back to, also on a cluster that it was never rendered for.

What an App may give one cluster is limited by \`--bundle-bytes-max\` and \`--bundle-objects-max\`; beyond them the commit
is refused, naming the largest objects, and what runs stays. Agents take no bundle beyond 64 MiB. The quota of a Project
([definitions](definitions.md)) may say less for all of its Apps together.
`;
  await expect(page).toMatchFileSnapshot("../../docs/reference/hub.md");
});
