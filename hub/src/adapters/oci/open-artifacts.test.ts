import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent } from "undici";
import { afterEach, describe, expect, it } from "vitest";
import { type ArtifactShelf, artifactSourceContract } from "../../ports/artifact-source.contract.ts";
import type { ArtifactLimits, ArtifactSource } from "../../ports/artifact-source.ts";
import { createHttpClient } from "../network/http-client.ts";
import { openArtifacts } from "./open-artifacts.ts";
import { createOciRegistry } from "./registry.ts";
import { artifactOf, tarOf } from "./testing/artifact-layers.ts";
import { type MemoryRegistry, type MemoryRegistryOptions, memoryRegistry } from "./testing/memory-registry.ts";
import { descriptorOf, EMPTY } from "./testing/push-chart.ts";

const ada = { username: "ada", password: "correct horse" };
const signal = AbortSignal.timeout(600_000);

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (let close = closers.pop(); close; close = closers.pop()) await close();
});

async function artifactsHere(limits: Partial<ArtifactLimits> = {}, before?: (directory: string) => Promise<unknown>) {
  const directory = await mkdtemp(join(tmpdir(), "muster-artifacts-"));
  await before?.(directory);
  const http = createHttpClient({ dispatcherOf: () => new Agent() });
  const registry = createOciRegistry({ http, clock: { now: () => Date.now() } });
  const artifacts = await openArtifacts({ registry, directory, limits });
  const close = async () => {
    await artifacts.close();
    await http.close();
    await rm(directory, { recursive: true });
  };
  closers.push(close);
  return { artifacts, directory };
}

async function open(options: MemoryRegistryOptions): Promise<{ artifacts: ArtifactSource; shelf: ArtifactShelf }> {
  const registry = await memoryRegistry(options);
  const { artifacts } = await artifactsHere();
  return {
    artifacts,
    shelf: {
      url: `${registry.url}/team/fleet`,
      credentials: options.credentials
        ? { auth: { kind: "basic", ...options.credentials }, tls: { ca: null, client: null }, proxy: null }
        : null,
      push: async (tag, files, opts) => {
        const { manifest, blobs } = await artifactOf(files, opts);
        for (const blob of blobs) registry.blob(blob);
        return registry.push("team/fleet", tag, manifest);
      },
      stop: () => registry.stop(),
    },
  };
}

describe("artifacts of an open registry", () => artifactSourceContract(() => open({ tagsPerPage: 2 })));
describe("artifacts of a private registry", () => artifactSourceContract(() => open({ credentials: ada })));

describe("artifacts", () => {
  async function registryHere(): Promise<MemoryRegistry> {
    const registry = await memoryRegistry();
    closers.push(() => registry.stop());
    return registry;
  }
  const fleet = (registry: MemoryRegistry) => ({ url: `${registry.url}/fleet`, credentials: null });

  it("cost one request without a body when a tag did not move", async () => {
    const registry = await registryHere();
    const { manifest } = await artifactOf({ a: "1" });
    registry.push("fleet", "latest", manifest);
    const { artifacts } = await artifactsHere();
    await artifacts.resolve(fleet(registry), {}, { signal });
    const before = registry.requests.length;
    await artifacts.resolve(fleet(registry), {}, { signal });
    expect(registry.requests.slice(before).map(({ line }) => line)).toEqual(["HEAD /v2/fleet/manifests/latest"]);
  });

  it("leave nothing behind when they cannot be used, and say which it was", async () => {
    const registry = await registryHere();
    const archive = await tarOf([{ name: "../out", content: "1" }]);
    registry.blob(archive);
    const digest = registry.push("fleet", "latest", {
      config: descriptorOf(EMPTY, "application/vnd.oci.empty.v1+json"),
      layers: [descriptorOf(archive, "application/vnd.oci.image.layer.v1.tar")],
    });
    const { artifacts, directory } = await artifactsHere();
    const { revision } = await artifacts.resolve(fleet(registry), {}, { signal });
    const refused = await artifacts.fetch(fleet(registry), revision, { signal }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "invalid" });
    for (const part of [registry.url, digest.slice(0, 15), "../out"])
      expect((refused as Error).message).toContain(part);
    expect(await readdir(directory)).toEqual([]);
  });

  it("are refused by their size before they are read, and by the time they take to unpack", async () => {
    const registry = await registryHere();
    const { manifest, blobs } = await artifactOf({ a: "x".repeat(10_000) });
    for (const blob of blobs) registry.blob(blob);
    registry.push("fleet", "latest", manifest);
    const small = await artifactsHere({ packedBytesMax: 100 });
    const { revision } = await small.artifacts.resolve(fleet(registry), {}, { signal });
    const before = registry.requests.length;
    await expect(small.artifacts.fetch(fleet(registry), revision, { signal })).rejects.toMatchObject({
      code: "too-large",
    });
    expect(registry.requests.length).toBe(before + 1);
    const hasty = await artifactsHere({ timeoutMsMax: 1 });
    await expect(hasty.artifacts.fetch(fleet(registry), revision, { signal })).rejects.toMatchObject({
      code: "unavailable",
    });
  });

  it("remove what a crash left unfinished", async () => {
    const { directory } = await artifactsHere({}, (folder) => mkdir(join(folder, "unfinished-x")));
    expect(await readdir(directory)).toEqual([]);
  });

  it("are not what holds no files", async () => {
    const registry = await registryHere();
    registry.push("fleet", "latest", {
      artifactType: "application/vnd.example.signature",
      config: descriptorOf(EMPTY, "application/vnd.oci.empty.v1+json"),
      layers: [descriptorOf(EMPTY, "application/vnd.oci.empty.v1+json", { "org.opencontainers.image.title": "a" })],
    });
    const { artifacts } = await artifactsHere();
    const { revision } = await artifacts.resolve(fleet(registry), {}, { signal });
    await expect(artifacts.fetch(fleet(registry), revision, { signal })).rejects.toMatchObject({
      code: "invalid",
      message: expect.stringContaining("application/vnd.example.signature"),
    });
  });
});
