import { configMap, manifestFile } from "@muster/shared/testing/manifests.ts";
import { afterEach, describe, expect, it } from "vitest";
import { bundlerContract } from "../../ports/bundler.contract.ts";
import { BUNDLE_LIMITS } from "../../ports/bundler.ts";
import { createWorkerBundler } from "./worker-bundler.ts";

describe("plain", () => bundlerContract(() => createWorkerBundler({ workers: 2 })));

describe("plain bundler's workers", () => {
  const renderers: { close(): Promise<void> }[] = [];
  const make = (...args: Parameters<typeof createWorkerBundler>) => {
    const bundler = createWorkerBundler(...args);
    renderers.push(bundler);
    return bundler;
  };
  afterEach(() => Promise.all(renderers.splice(0).map((bundler) => bundler.close())));
  const opts = { signal: new AbortController().signal, fairnessKey: "one" };

  it("tell a file that takes all memory as that file's fault, and live on", async () => {
    const bundler = make({ workers: 1, limits: { workerMemoryMb: 32 } });
    const greedy = Buffer.from(`a: [${"1,".repeat(2_000_000)}]`);
    const small = { path: "a.yaml", bytes: Buffer.from(manifestFile(configMap("a"))) };
    const result = await bundler.bundle(
      { files: [small, { path: "sub/greedy.yaml", bytes: greedy }], limits: BUNDLE_LIMITS },
      opts,
    );
    expect(result).toEqual({
      kind: "invalid",
      problems: [expect.objectContaining({ code: "RenderFailed", where: { path: "sub/greedy.yaml" } })],
    });
    expect(await bundler.bundle({ files: [small], limits: BUNDLE_LIMITS }, opts)).toMatchObject({
      kind: "rendered",
    });
  });

  it("tell which file they were reading when time ran out", async () => {
    const bundler = make({ workers: 1 });
    const slow = Buffer.from(`x: [${"{a: 1},".repeat(400_000)}]\n`);
    const files = Array.from({ length: 20 }, (_, i) => ({ path: `slow-${i}.yaml`, bytes: slow }));
    await expect(bundler.bundle({ files, limits: { ...BUNDLE_LIMITS, timeoutMsMax: 2_000 } }, opts)).rejects.toThrow(
      /rendering took longer than 2 s, while reading slow-\d+\.yaml/,
    );
  });

  it("refuse more than may wait", async () => {
    const bundler = make({ workers: 1, limits: { queueLengthMax: 2 } });
    const input = { files: [{ path: "a.yaml", bytes: Buffer.from("a: 1") }], limits: BUNDLE_LIMITS };
    const renders = await Promise.allSettled(Array.from({ length: 5 }, () => bundler.bundle(input, opts)));
    const refused = renders.filter((render) => render.status === "rejected");
    expect(refused.map(({ reason }) => reason.code)).toEqual(["unavailable", "unavailable"]);
  });
});
