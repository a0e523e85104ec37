import { configMap, manifestFile } from "@muster/shared/testing/manifests.ts";
import { afterEach, describe, expect, it } from "vitest";
import { rendererContract } from "../../ports/renderer.contract.ts";
import { RENDER_LIMITS } from "../../ports/renderer.ts";
import { createPlainRenderer } from "./plain.ts";

describe("plain", () => rendererContract(() => createPlainRenderer({ workers: 2 })));

describe("plain renderer's workers", () => {
  const renderers: { close(): Promise<void> }[] = [];
  const make = (...args: Parameters<typeof createPlainRenderer>) => {
    const renderer = createPlainRenderer(...args);
    renderers.push(renderer);
    return renderer;
  };
  afterEach(() => Promise.all(renderers.splice(0).map((renderer) => renderer.close())));
  const { signal } = new AbortController();

  it("tell a file that takes all memory as that file's fault, and live on", async () => {
    const renderer = make({ workers: 1, limits: { workerMemoryMb: 32 } });
    const greedy = Buffer.from(`a: [${"1,".repeat(2_000_000)}]`);
    const small = { path: "a.yaml", bytes: Buffer.from(manifestFile(configMap("a"))) };
    const result = await renderer.render(
      { files: [small, { path: "sub/greedy.yaml", bytes: greedy }], limits: RENDER_LIMITS },
      { signal },
    );
    expect(result).toEqual({
      kind: "invalid",
      problems: [expect.objectContaining({ code: "RenderFailed", where: { path: "sub/greedy.yaml" } })],
    });
    expect(await renderer.render({ files: [small], limits: RENDER_LIMITS }, { signal })).toMatchObject({
      kind: "rendered",
    });
  });

  it("tell which file they were reading when time ran out", async () => {
    const renderer = make({ workers: 1 });
    const slow = Buffer.from(`x: [${"{a: 1},".repeat(400_000)}]\n`);
    const files = Array.from({ length: 10 }, (_, i) => ({ path: `slow-${i}.yaml`, bytes: slow }));
    await expect(
      renderer.render({ files, limits: { ...RENDER_LIMITS, timeoutMsMax: 500 } }, { signal }),
    ).rejects.toThrow(/rendering took longer than 500 ms, while reading slow-\d\.yaml/);
  });

  it("refuse more than may wait", async () => {
    const renderer = make({ workers: 1, limits: { queueLengthMax: 2 } });
    const input = { files: [{ path: "a.yaml", bytes: Buffer.from("a: 1") }], limits: RENDER_LIMITS };
    const renders = await Promise.allSettled(Array.from({ length: 5 }, () => renderer.render(input, { signal })));
    const refused = renders.filter((render) => render.status === "rejected");
    expect(refused.map(({ reason }) => reason.code)).toEqual(["unavailable", "unavailable"]);
  });
});
