import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ChartRef, ChartSource } from "./chart-source.ts";
import type { Credentials } from "./credentials.ts";

/** A place that charts are published to. */
export interface ChartShelf {
  readonly repository: string;
  /** With which it may be read; null where everybody may. */
  readonly credentials: Credentials | null;
  /** Publishes a version, and answers its archive. */
  publish(name: string, version: string): Promise<Uint8Array>;
  /** Ends the server: nobody answers there any more. */
  stop(): Promise<void>;
}

/** What every kind of chart repository must do. */
export function chartSourceContract(open: () => Promise<{ charts: ChartSource; shelf: ChartShelf }>): void {
  let charts: ChartSource;
  let shelf: ChartShelf;
  beforeEach(async () => {
    ({ charts, shelf } = await open());
  });
  afterEach(async () => {
    await charts.close();
    await shelf.stop();
  });

  const signal = AbortSignal.timeout(600_000);
  const bytesMax = 1_000_000;
  const chart = (name = "shop"): ChartRef => ({
    repository: shelf.repository,
    name,
    credentials: shelf.credentials,
  });
  const resolve = (range: string, ref = chart()) => charts.resolve(ref, { range, signal });
  const digestOf = (archive: Uint8Array) => `sha256:${createHash("sha256").update(archive).digest("hex")}`;

  describe("resolve", () => {
    const published = ["1.2.3", "1.2.4", "1.9.0", "1.10.0", "2.0.0", "2.1.0-rc.1", "v3.1.0", "4.0.0+build.7"];
    it.each([
      ["1.x", "1.10.0"],
      [">=1.2, <1.10", "1.9.0"],
      ["~1.2.3", "1.2.4"],
      ["1.2.3", "1.2.3"],
      ["", "4.0.0+build.7"],
      [">=2.0.0-0 <3", "2.1.0-rc.1"],
      ["^3", "v3.1.0"],
      ["3.1.0", "v3.1.0"],
      ["4.0.0+build.7", "4.0.0+build.7"],
      ["^1.0 || ^2.0", "2.0.0"],
    ])("takes of %j the version %s", async (range, expected) => {
      const archives = new Map<string, Uint8Array>();
      for (const version of published) archives.set(version, await shelf.publish("shop", version));
      expect(await resolve(range)).toEqual({
        name: "shop",
        version: expected,
        digest: digestOf(archives.get(expected) ?? new Uint8Array()),
      });
    });

    it("sees what was published since", async () => {
      await shelf.publish("shop", "1.0.0");
      expect((await resolve("1.x")).version).toBe("1.0.0");
      expect((await resolve("1.x")).version).toBe("1.0.0");
      const archive = await shelf.publish("shop", "1.1.0");
      expect(await resolve("1.x")).toEqual({ name: "shop", version: "1.1.0", digest: digestOf(archive) });
    });

    it("names repository, chart, range and what there is when nothing fits", async () => {
      for (const version of ["1.0.0", "1.1.0"]) await shelf.publish("shop", version);
      for (const range of ["^7", "1.0.9"]) {
        const refused = await resolve(range).catch((error: unknown) => error);
        expect(refused).toMatchObject({ code: "not-found" });
        for (const part of [shelf.repository, "shop", range, "1.1.0"]) {
          expect((refused as Error).message).toContain(part);
        }
      }
    });

    it("says when there is no such chart", async () => {
      await shelf.publish("shop", "1.0.0");
      const refused = await resolve("1.x", chart("shpo")).catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: "not-found", message: expect.stringContaining("shpo") });
    });

    it("refuses a range that is none", async () => {
      await shelf.publish("shop", "1.0.0");
      await expect(resolve("newest")).rejects.toMatchObject({ code: "invalid" });
    });

    it("ends when it is cancelled", async () => {
      await shelf.publish("shop", "1.0.0");
      const stopped = charts.resolve(chart(), { range: "1.x", signal: AbortSignal.abort() });
      await expect(stopped).rejects.toMatchObject({ code: "cancelled" });
    });

    it("says when nobody answers", async () => {
      await shelf.publish("shop", "1.0.0");
      await resolve("1.x");
      await shelf.stop();
      await expect(resolve("1.x")).rejects.toMatchObject({ code: "unavailable" });
    });
  });

  describe("pull", () => {
    it("gives the archive", async () => {
      const first = await shelf.publish("shop", "1.0.0");
      const resolved = await resolve("1.x");
      await shelf.publish("shop", "1.1.0");
      expect(Buffer.from(await charts.pull(chart(), resolved, { bytesMax, signal })).equals(first)).toBe(true);
    });

    it("gives nothing whose digest differs", async () => {
      await shelf.publish("shop", "1.0.0");
      const resolved = { ...(await resolve("1.x")), digest: `sha256:${"0".repeat(64)}` };
      const code = await charts.pull(chart(), resolved, { bytesMax, signal }).then(
        () => "pulled",
        (error: { code: string }) => error.code,
      );
      // A registry that finds blobs by their digest has none of this one.
      expect(["invalid", "not-found"]).toContain(code);
    });

    it("reads no more than it may", async () => {
      await shelf.publish("shop", "1.0.0");
      const resolved = await resolve("1.x");
      await expect(charts.pull(chart(), resolved, { bytesMax: 100, signal })).rejects.toMatchObject({
        code: "too-large",
      });
    });
  });

  describe("credentials", () => {
    it("are asked for only where they are needed, and refused when they are wrong", async () => {
      await shelf.publish("shop", "1.0.0");
      const { credentials } = shelf;
      if (credentials === null) {
        expect((await resolve("1.x", { ...chart(), credentials: null })).version).toBe("1.0.0");
        return;
      }
      await expect(resolve("1.x", { ...chart(), credentials: null })).rejects.toMatchObject({
        code: "unauthenticated",
      });
      const wrong = { ...credentials, auth: { kind: "basic" as const, username: "muster", password: "not this" } };
      const refused = await resolve("1.x", { ...chart(), credentials: wrong }).catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: "unauthenticated" });
      expect((refused as Error).message).not.toContain("not this");
      expect((await resolve("1.x")).version).toBe("1.0.0");
      // What was read with credentials is nobody's without them.
      await expect(resolve("1.x", { ...chart(), credentials: null })).rejects.toMatchObject({
        code: "unauthenticated",
      });
    });
  });
}
