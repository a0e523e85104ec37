import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { createChartSource } from "@muster/hub/adapters/charts/create-chart-source.ts";
import { chartArchive } from "@muster/hub/adapters/charts/testing/chart-archive.ts";
import { createHttpClient } from "@muster/hub/adapters/network/http-client.ts";
import { createOciCharts } from "@muster/hub/adapters/oci/oci-charts.ts";
import { createOciRegistry } from "@muster/hub/adapters/oci/registry.ts";
import { systemClock } from "@muster/shared/system-clock.ts";
import { Agent } from "undici";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildTools } from "../control-plane/build/build-tools.ts";
import { binaryPath } from "../control-plane/build/cache-folder.ts";
import { tools } from "../control-plane/versions.ts";
import { giteaAvailability } from "../forge/gitea-availability.ts";
import { type GiteaPackages, giteaPackages } from "../forge/gitea-packages.ts";
import { type GiteaServer, giteaServer } from "../forge/gitea-server.ts";

const availability = await giteaAvailability();
const signal = AbortSignal.timeout(600_000);
const versions = ["1.2.3", "1.2.4", "1.9.0", "1.10.0", "2.0.0", "2.1.0-rc.1", "3.1.0", "4.0.0+build.7"];
const ranges = [
  "1.x",
  "~1.2",
  "^1.9",
  ">=1.2 <2",
  ">=1.2, <1.10",
  "1.2 - 1.9",
  ">=2.0.0-0 <3",
  "1.2.3",
  "*",
  "^7",
  "!=3.1.0 <4",
];

// What Muster takes is what helm takes, of the same registry: the real one pushes, and answers for every range.
describe.skipIf(!availability.ok)("charts are taken as helm takes them", () => {
  let gitea: GiteaServer;
  let packages: GiteaPackages;
  let folder: string;
  const http = createHttpClient({ dispatcherOf: () => new Agent() });
  const registry = createOciRegistry({ http, clock: systemClock });
  const charts = createChartSource({ http, oci: createOciCharts({ registry }) });

  beforeAll(async () => {
    await buildTools(["helm"]);
    gitea = await giteaServer({ packages: true });
    folder = await mkdtemp(join(tmpdir(), "muster-helm-"));
    packages = await giteaPackages(gitea, "acme", { isPrivate: false });
    const { username, password } = gitea.credentials;
    const host = new URL(gitea.url).host;
    await helm("registry", "login", host, "--plain-http", "--username", username, "--password", password);
    for (const version of versions) {
      const archive = await chartArchive({ name: "shop", version });
      await writeFile(join(folder, `shop-${version}.tgz`), archive);
      await helm("push", `shop-${version}.tgz`, packages.ociRegistry, "--plain-http");
      await packages.uploadChart(archive);
    }
  });
  afterAll(async () => {
    await charts.close();
    await http.close();
    await gitea?.stop();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  async function helm(...args: string[]): Promise<string> {
    const env = { PATH: process.env.PATH, HOME: folder, HELM_CACHE_HOME: folder, HELM_CONFIG_HOME: folder };
    const { stdout } = await promisify(execFile)(binaryPath(tools.helm, "helm"), args, { cwd: folder, env });
    return stdout;
  }

  const versionOf = (shown: string): string => /^version: (.*)$/m.exec(shown)?.[1]?.replaceAll('"', "") ?? "";
  const none = () => "none";

  it.each(ranges)("from an OCI registry in the range %s", async (range) => {
    const chart = { repository: packages.ociRegistry, name: "shop", credentials: null };
    const url = `${packages.ociRegistry}/shop`;
    const theirs = await helm("show", "chart", url, "--version", range, "--plain-http").then(versionOf, none);
    const ours = await charts.resolve(chart, { range, signal }).catch(none);
    expect(typeof ours === "string" ? ours : ours.version).toBe(theirs);
    expect(theirs === "none").toBe(range === "^7");
    if (typeof ours === "string") return;
    const pulled = await charts.pull(chart, ours, { bytesMax: 1_000_000, signal });
    const pushed = await readFile(join(folder, `shop-${ours.version}.tgz`));
    expect(ours.digest).toBe(`sha256:${createHash("sha256").update(pushed).digest("hex")}`);
    expect(pushed.equals(pulled)).toBe(true);
  });

  it.each(ranges)("from a chart repository in the range %s", async (range) => {
    const chart = { repository: packages.chartRepository, name: "shop", credentials: null };
    const theirs = await helm("show", "chart", "shop", "--repo", chart.repository, "--version", range).then(
      versionOf,
      none,
    );
    const ours = await charts.resolve(chart, { range, signal }).catch(none);
    expect(typeof ours === "string" ? ours : ours.version).toBe(theirs);
    expect(theirs === "none").toBe(range === "^7");
  });
});
