import { Agent } from "undici";
import { afterEach, describe, expect, it } from "vitest";
import { type ChartShelf, chartSourceContract } from "../../ports/chart-source.contract.ts";
import type { ChartSource } from "../../ports/chart-source.ts";
import type { Credentials } from "../../ports/credentials.ts";
import { chartArchive } from "../charts/testing/chart-archive.ts";
import { createHttpClient } from "../network/http-client.ts";
import { createOciCharts } from "./oci-charts.ts";
import { createOciRegistry } from "./registry.ts";
import { type MemoryRegistry, type MemoryRegistryOptions, memoryRegistry } from "./testing/memory-registry.ts";
import { descriptorOf, EMPTY, pushChart } from "./testing/push-chart.ts";

const ada = { username: "ada", password: "correct horse" };
const withBasic = (login: { username: string; password: string }): Credentials => ({
  auth: { kind: "basic", ...login },
  tls: { ca: null, client: null },
  proxy: null,
});
const signal = AbortSignal.timeout(600_000);

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (let close = closers.pop(); close; close = closers.pop()) await close();
});

function openCharts(clock = { now: () => Date.now() }): ChartSource {
  const http = createHttpClient({ dispatcherOf: () => new Agent() });
  const charts = createOciCharts({ registry: createOciRegistry({ http, clock }) });
  return { ...charts, close: () => http.close() };
}

async function open(options: MemoryRegistryOptions): Promise<{ charts: ChartSource; shelf: ChartShelf }> {
  const registry = await memoryRegistry(options);
  return {
    charts: openCharts(),
    shelf: {
      repository: `${registry.url}/team/charts`,
      credentials: options.credentials ? withBasic(options.credentials) : null,
      publish: async (name, version) => {
        const archive = await chartArchive({ name, version });
        pushChart(registry, `team/charts/${name}`, version, archive);
        return archive;
      },
      stop: () => registry.stop(),
    },
  };
}

describe("charts in a registry that is open", () => chartSourceContract(() => open({ tagsPerPage: 2 })));
describe("charts in a registry with a token server", () => chartSourceContract(() => open({ credentials: ada })));
describe("charts in a registry with basic logins", () =>
  chartSourceContract(() => open({ credentials: ada, login: "basic" })));

describe("charts in a registry", () => {
  async function registryWith(options: MemoryRegistryOptions): Promise<MemoryRegistry> {
    const registry = await memoryRegistry(options);
    closers.push(() => registry.stop());
    pushChart(registry, "charts/shop", "1.0.0", await chartArchive({ name: "shop", version: "1.0.0" }));
    return registry;
  }
  function chartsHere(clock?: { now: () => number }): ChartSource {
    const charts = openCharts(clock);
    closers.push(() => charts.close());
    return charts;
  }
  const shop = (registry: MemoryRegistry) => ({
    repository: `${registry.url}/charts`,
    name: "shop",
    credentials: withBasic(ada),
  });

  it("log in once, and again when the token has ended", async () => {
    const registry = await registryWith({ credentials: ada });
    let now = 0;
    const charts = chartsHere({ now: () => now });
    const logins = () => registry.requests.filter(({ line }) => line === "GET /token").length;
    for (const _ of [1, 2, 3]) await charts.resolve(shop(registry), { range: "1.0.0", signal });
    expect([logins(), registry.requests.length]).toEqual([1, 5]);
    now += 61_000;
    await charts.resolve(shop(registry), { range: "1.0.0", signal });
    expect(logins()).toBe(2);
  });

  it("keep the token from where blobs are stored", async () => {
    const storage = await memoryRegistry();
    closers.push(() => storage.stop());
    const registry = await registryWith({ credentials: ada, storage: `${storage.httpUrl}/bucket` });
    const charts = chartsHere();
    const resolved = await charts.resolve(shop(registry), { range: "1.0.0", signal });
    await charts.pull(shop(registry), resolved, { bytesMax: 10_000, signal }).catch(() => {});
    expect(storage.requests).toEqual([{ line: `GET /bucket/${resolved.digest}`, authorization: undefined }]);
  });

  it("send no password to a token server of somebody else", async () => {
    const elsewhere = await memoryRegistry({ credentials: ada });
    closers.push(() => elsewhere.stop());
    const registry = await registryWith({
      credentials: ada,
      realm: elsewhere.httpUrl.replace("127.0.0.1", "localhost").concat("/token"),
    });
    const refused = await chartsHere()
      .resolve(shop(registry), { range: "1.0.0", signal })
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "unauthenticated", message: expect.stringContaining("were not sent") });
    expect(elsewhere.requests).toEqual([{ line: "GET /token", authorization: undefined }]);
  });

  it("are told from other artifacts", async () => {
    const registry = await registryWith({});
    registry.push("charts/image", "1.0.0", {
      config: descriptorOf(EMPTY, "application/vnd.oci.image.config.v1+json"),
      layers: [],
    });
    registry.push("charts/index", "1.0.0", { mediaType: "application/vnd.oci.image.index.v1+json", manifests: [] });
    for (const name of ["image", "index"]) {
      const chart = { ...shop(registry), name, credentials: null };
      await expect(chartsHere().resolve(chart, { range: "1.0.0", signal })).rejects.toMatchObject({ code: "invalid" });
    }
  });

  it.each([
    [500, "unavailable"],
    [403, "unauthenticated"],
    [429, "unavailable"],
  ])("tell what status %i means", async (status, code) => {
    const registry = await registryWith({});
    registry.failWith(status);
    await expect(chartsHere().resolve(shop(registry), { range: "1.x", signal })).rejects.toMatchObject({ code });
  });

  it.each(["oci://", "oci://host/UPPER", "oci://host/a/../b", "oci://u:p@host/a", "oci://host/a?b"])(
    "are not at %s",
    async (repository) => {
      const chart = { repository, name: "shop", credentials: null };
      await expect(chartsHere().resolve(chart, { range: "1.x", signal })).rejects.toMatchObject({ code: "invalid" });
    },
  );
});
