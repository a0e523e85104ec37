import { monitorEventLoopDelay } from "node:perf_hooks";
import { Agent } from "undici";
import { afterEach, describe, expect, it } from "vitest";
import { type ChartShelf, chartSourceContract } from "../../ports/chart-source.contract.ts";
import type { ChartRef, ChartSource } from "../../ports/chart-source.ts";
import type { Credentials } from "../../ports/credentials.ts";
import { createHttpClient } from "../network/http-client.ts";
import { createChartSource } from "./create-chart-source.ts";
import { chartArchive } from "./testing/chart-archive.ts";
import {
  type MemoryChartRepository,
  type MemoryChartRepositoryOptions,
  memoryChartRepository,
} from "./testing/memory-chart-repository.ts";

const ada = { username: "ada", password: "correct horse" };
const adas: Credentials = { auth: { kind: "basic", ...ada }, tls: { ca: null, client: null }, proxy: null };
const signal = AbortSignal.timeout(600_000);

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (let close = closers.pop(); close; close = closers.pop()) await close();
});

function openCharts(pulled: unknown[] = []): ChartSource {
  const http = createHttpClient({ dispatcherOf: () => new Agent() });
  const oci: ChartSource = {
    resolve: () => Promise.reject(new Error("not asked for")),
    pull: async (chart, resolved) => {
      pulled.push([chart, resolved]);
      return new Uint8Array(1);
    },
    close: () => http.close(),
  };
  return createChartSource({ http, oci });
}

async function open(options: MemoryChartRepositoryOptions): Promise<{ charts: ChartSource; shelf: ChartShelf }> {
  const repository = await memoryChartRepository(options);
  return {
    charts: openCharts(),
    shelf: {
      repository: repository.url,
      credentials: options.credentials ? adas : null,
      publish: async (name, version) => {
        const archive = await chartArchive({ name, version });
        repository.put(name, version, archive);
        return archive;
      },
      stop: () => repository.stop(),
    },
  };
}

describe("charts of a repository that is open", () => chartSourceContract(() => open({})));
describe("charts of a private repository", () => chartSourceContract(() => open({ credentials: ada })));
describe("charts of a repository without digests and validators", () =>
  chartSourceContract(() => open({ hasDigests: false, validator: "none" })));

describe("charts of a repository", () => {
  async function repositoryWith(options: MemoryChartRepositoryOptions = {}): Promise<MemoryChartRepository> {
    const repository = await memoryChartRepository(options);
    closers.push(() => repository.stop());
    repository.put("shop", "1.0.0", await chartArchive({ name: "shop", version: "1.0.0" }));
    return repository;
  }
  function chartsHere(pulled?: unknown[]): ChartSource {
    const charts = openCharts(pulled);
    closers.push(() => charts.close());
    return charts;
  }
  const shop = (repository: string, credentials: Credentials | null = null): ChartRef => ({
    repository,
    name: "shop",
    credentials,
  });
  const bytesMax = 100_000;

  it.each(["etag", "last-modified"] as const)("ask by %s whether the index changed", async (validator) => {
    const repository = await repositoryWith({ validator });
    const charts = chartsHere();
    for (const _ of [1, 2]) await charts.resolve(shop(repository.url), { range: "1.x", signal });
    expect(repository.requests.map(({ status }) => status)).toEqual([200, 304]);
  });

  it("read an index once for all who want it now, and go on when one of them stops", async () => {
    const repository = await repositoryWith();
    const charts = chartsHere();
    const stop = new AbortController();
    const [stopped, ...others] = [stop.signal, signal, signal].map((one) =>
      charts.resolve(shop(repository.url), { range: "1.x", signal: one }),
    );
    stop.abort();
    await expect(stopped).rejects.toMatchObject({ code: "cancelled" });
    for (const other of others) expect((await other).version).toBe("1.0.0");
    expect(repository.requests.length).toBe(1);
  });

  it("keep credentials from other hosts that an index names", async () => {
    const elsewhere = await repositoryWith();
    const repository = await repositoryWith({ credentials: ada, urlPrefix: `${elsewhere.url}/` });
    const charts = chartsHere();
    const resolved = await charts.resolve(shop(repository.url, adas), { range: "1.x", signal });
    await charts.pull(shop(repository.url, adas), resolved, { bytesMax, signal });
    expect(elsewhere.requests).toMatchObject([{ status: 200, authorization: undefined }]);
  });

  it("keep the repository's query for its archives, and the path of an absolute one", async () => {
    const repository = await repositoryWith({ urlPrefix: "/elsewhere/" });
    const charts = chartsHere();
    const chart = shop(`${repository.url}/?token=x`);
    await charts.pull(chart, await charts.resolve(chart, { range: "1.x", signal }), { bytesMax, signal });
    expect(repository.requests.map(({ path }) => path)).toEqual([
      "/charts/index.yaml?token=x",
      "/elsewhere/shop-1.0.0.tgz?token=x",
    ]);
  });

  it("are pulled from a registry where the index says so", async () => {
    const repository = await repositoryWith({ urlPrefix: "oci://registry.example.com/charts/" });
    const pulled: unknown[] = [];
    const charts = chartsHere(pulled);
    repository.setIndex(
      JSON.stringify({
        entries: {
          shop: [{ version: "1.0.0", digest: "a".repeat(64), urls: ["oci://registry.example.com/charts/shop:1.0.0"] }],
        },
      }),
    );
    const resolved = await charts.resolve(shop(repository.url, adas), { range: "1.x", signal });
    await charts.pull(shop(repository.url, adas), resolved, { bytesMax, signal });
    expect(pulled).toEqual([
      [{ repository: "oci://registry.example.com/charts", name: "shop", credentials: null }, resolved],
    ]);
  });

  it("say what was meant by a name that is not there", async () => {
    const repository = await repositoryWith();
    const chart = { ...shop(repository.url), name: "shpo" };
    await expect(chartsHere().resolve(chart, { range: "1.x", signal })).rejects.toMatchObject({
      code: "not-found",
      fix: "Did you mean shop?",
    });
  });

  it.each([
    ["<html>Please log in</html>", "invalid"],
    ["entries: [", "invalid"],
    ["", "invalid"],
    ["{}", "invalid"],
    [`entries:\n${"  ".repeat(1)}a: ${"[".repeat(5_000)}`, "invalid"],
  ])("are not in %j", async (text, code) => {
    const repository = await repositoryWith();
    repository.setIndex(text);
    const refused = await chartsHere()
      .resolve(shop(repository.url), { range: "1.x", signal })
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ code, message: expect.stringContaining(repository.url) });
  });

  it("are not where there is no index, nor at an address of another kind", async () => {
    const repository = await repositoryWith();
    const charts = chartsHere();
    await expect(charts.resolve(shop(`${repository.url}/x`), { range: "1.x", signal })).rejects.toMatchObject({
      code: "not-found",
    });
    for (const url of ["ftp://charts.example.com", "https://u:secret@charts.example.com", "charts"]) {
      const refused = await charts.resolve(shop(url), { range: "1.x", signal }).catch((error: Error) => error);
      expect(refused).toMatchObject({ code: "invalid" });
      expect((refused as Error).message).not.toContain("secret");
    }
  });

  it("hold nobody up while a large index is read", async () => {
    const repository = await repositoryWith();
    repository.setIndex(largeIndex(12_000_000));
    const charts = chartsHere();
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    const { version } = await charts.resolve({ ...shop(repository.url), name: "chart7" }, { range: "*", signal });
    delay.disable();
    expect(version).toBe("1.0.149");
    // Reading it takes twice as long on a machine with nothing else to do; a busy one may take this thread's turn away.
    expect(delay.max / 1e6).toBeLessThan(250);
  });
});

function largeIndex(bytes: number): string {
  const parts = ["apiVersion: v1\nentries:\n"];
  for (let size = 0, chart = 0; size < bytes; chart++) {
    const versions = Array.from(
      { length: 150 },
      (_, at) =>
        `  - apiVersion: v2\n    description: |\n      ${"A chart of many words. ".repeat(30)}\n    digest: ${"ab".repeat(32)}\n    urls:\n    - chart${chart}-1.0.${at}.tgz\n    version: 1.0.${at}\n`,
    );
    const part = `  chart${chart}:\n${versions.join("")}`;
    size += part.length;
    parts.push(part);
  }
  return parts.join("");
}
