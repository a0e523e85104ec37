import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createChartSource } from "@muster/hub/adapters/charts/create-chart-source.ts";
import { chartArchive } from "@muster/hub/adapters/charts/testing/chart-archive.ts";
import { createAddressPolicy } from "@muster/hub/adapters/network/address-policy.ts";
import { createHttpClient } from "@muster/hub/adapters/network/http-client.ts";
import { parseAllowed } from "@muster/hub/adapters/network/judge-address.ts";
import { createJudgedDispatcher } from "@muster/hub/adapters/network/judged-dispatcher.ts";
import { createOciCharts } from "@muster/hub/adapters/oci/oci-charts.ts";
import { openArtifacts } from "@muster/hub/adapters/oci/open-artifacts.ts";
import { createOciRegistry } from "@muster/hub/adapters/oci/registry.ts";
import { artifactOf } from "@muster/hub/adapters/oci/testing/artifact-layers.ts";
import { chartManifest } from "@muster/hub/adapters/oci/testing/push-chart.ts";
import { artifactSourceContract } from "@muster/hub/ports/artifact-source.contract.ts";
import { type ChartShelf, chartSourceContract } from "@muster/hub/ports/chart-source.contract.ts";
import type { ChartSource } from "@muster/hub/ports/chart-source.ts";
import type { Credentials } from "@muster/hub/ports/credentials.ts";
import type { HttpClient } from "@muster/hub/ports/http-client.ts";
import { AppError } from "@muster/shared/errors.ts";
import { systemClock } from "@muster/shared/system-clock.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ForgeCredentials } from "../forge/forge.ts";
import { giteaAvailability } from "../forge/gitea-availability.ts";
import { type GiteaPackages, giteaPackages } from "../forge/gitea-packages.ts";
import { type GiteaServer, giteaServer } from "../forge/gitea-server.ts";

const availability = await giteaAvailability();

// Gitea is a Helm chart repository and an OCI registry: both are held to what the small servers in memory are.
describe.skipIf(!availability.ok)("the real package registry", () => {
  let gitea: GiteaServer;
  let owners = 0;
  beforeAll(async () => {
    gitea = await giteaServer({ packages: true });
  });
  afterAll(() => gitea?.stop());

  const newOwner = (isPrivate: boolean): Promise<GiteaPackages> =>
    giteaPackages(gitea, `owner-${++owners}`, { isPrivate });

  async function openCharts(
    kind: "http" | "oci",
    isPrivate: boolean,
  ): Promise<{ charts: ChartSource; shelf: ChartShelf }> {
    const packages = await newOwner(isPrivate);
    const network = loopbackNetwork();
    const oci = createOciCharts({ registry: createOciRegistry({ http: network.http, clock: systemClock }) });
    const charts = createChartSource({ http: network.http, oci });
    return {
      charts: { ...charts, close: () => charts.close().then(() => network.http.close()) },
      shelf: {
        repository: kind === "http" ? packages.chartRepository : packages.ociRegistry,
        credentials: isPrivate ? withBasic(packages.credentials) : null,
        publish: async (name, version) => {
          const archive = await chartArchive({ name, version });
          if (kind === "http") await packages.uploadChart(archive);
          else {
            const config = Buffer.from(JSON.stringify({ apiVersion: "v2", name, version }));
            const manifest = chartManifest(archive, config);
            await packages.pushManifest(name, version.replaceAll("+", "_"), manifest, [config, archive]);
          }
          return archive;
        },
        stop: network.cut,
      },
    };
  }

  describe("as a chart repository for everybody", () => chartSourceContract(() => openCharts("http", false)));
  describe("as a private chart repository", () => chartSourceContract(() => openCharts("http", true)));
  describe("as an OCI registry of charts for everybody", () => chartSourceContract(() => openCharts("oci", false)));
  describe("as a private OCI registry of charts", () => chartSourceContract(() => openCharts("oci", true)));

  describe.each([
    ["for everybody", false],
    ["for its members", true],
  ])("as an OCI registry of manifests %s", (_, isPrivate) => {
    artifactSourceContract(async () => {
      const packages = await newOwner(isPrivate);
      const network = loopbackNetwork();
      const directory = await mkdtemp(join(tmpdir(), "muster-artifacts-"));
      const registry = createOciRegistry({ http: network.http, clock: systemClock });
      const artifacts = await openArtifacts({ registry, directory });
      return {
        artifacts: {
          ...artifacts,
          close: async () => {
            await artifacts.close();
            await network.http.close();
            await rm(directory, { recursive: true });
          },
        },
        shelf: {
          url: `${packages.ociRegistry}/fleet`,
          credentials: isPrivate ? withBasic(packages.credentials) : null,
          push: async (tag, files, opts) => {
            const { manifest, blobs } = await artifactOf(files, opts);
            return packages.pushManifest("fleet", tag, manifest, blobs);
          },
          stop: network.cut,
        },
      };
    });
  });

  it("is not reached where its address is not allowed", async () => {
    const packages = await newOwner(false);
    const policy = createAddressPolicy(parseAllowed([]));
    const http = createHttpClient({ dispatcherOf: (options) => createJudgedDispatcher(policy, options) });
    const oci = createOciCharts({ registry: createOciRegistry({ http, clock: systemClock }) });
    const charts = createChartSource({ http, oci });
    try {
      for (const repository of [packages.chartRepository, packages.ociRegistry]) {
        const chart = { repository, name: "shop", credentials: null };
        const resolving = charts.resolve(chart, { range: "1.x", signal: AbortSignal.timeout(60_000) });
        await expect(resolving).rejects.toMatchObject({ code: "forbidden" });
      }
    } finally {
      await charts.close();
      await http.close();
    }
  });
});

const withBasic = (login: ForgeCredentials): Credentials => ({
  auth: { kind: "basic", ...login },
  tls: { ca: null, client: null },
  proxy: null,
});

/** The hub's own way to the outside, allowed to reach this machine, until it is cut. */
function loopbackNetwork(): { http: HttpClient; cut(): Promise<void> } {
  const policy = createAddressPolicy(parseAllowed(["loopback"]));
  const http = createHttpClient({ dispatcherOf: (options) => createJudgedDispatcher(policy, options) });
  let isCut = false;
  return {
    http: {
      send: async (request) => {
        if (isCut) throw new AppError("unavailable", `${request.url} cannot be reached: the test cut the network`);
        return http.send(request);
      },
      close: () => http.close(),
    },
    cut: async () => {
      isCut = true;
    },
  };
}
