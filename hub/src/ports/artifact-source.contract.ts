import type { CommitId } from "@muster/shared/model/ids.ts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ArtifactRef, ArtifactRepository, ArtifactSource } from "./artifact-source.ts";
import type { Credentials } from "./credentials.ts";

/** A repository that artifacts are pushed to. */
export interface ArtifactShelf {
  readonly url: string;
  /** With which it may be read; null where everybody may. */
  readonly credentials: Credentials | null;
  /** Pushes files, the annotations on the manifest, and answers the digest. */
  push(
    tag: string,
    files: Readonly<Record<string, string>>,
    opts?: { annotations?: Record<string, string>; as?: "flux" | "oras" },
  ): Promise<string>;
  stop(): Promise<void>;
}

/** What every source of artifacts must do. */
export function artifactSourceContract(open: () => Promise<{ artifacts: ArtifactSource; shelf: ArtifactShelf }>): void {
  let artifacts: ArtifactSource;
  let shelf: ArtifactShelf;
  beforeEach(async () => {
    ({ artifacts, shelf } = await open());
  });
  afterEach(async () => {
    await artifacts.close();
    await shelf.stop();
  });

  const signal = AbortSignal.timeout(600_000);
  const repository = (): ArtifactRepository => ({ url: shelf.url, credentials: shelf.credentials });
  const resolve = (ref: ArtifactRef, from = repository()) => artifacts.resolve(from, ref, { signal });
  const hex = (digest: string) => digest.slice("sha256:".length) as CommitId;
  const fetched = async (tag: string) => {
    const { revision } = await resolve({ tag });
    await artifacts.fetch(repository(), revision, { signal });
    return artifacts.treeAt(revision);
  };
  const files = { "apps/shop/deploy.yaml": "shop", "apps/till/deploy.yaml": "till", "README.md": "" };

  describe("resolve", () => {
    it("finds a tag, the highest version in a range, and a digest", async () => {
      const latest = await shelf.push("latest", { a: "latest" });
      const first = await shelf.push("1.2.0", { a: "1.2.0" });
      const second = await shelf.push("v1.10.0", { a: "1.10.0" });
      await shelf.push("2.0.0-rc.1", { a: "2.0.0-rc.1" });
      expect(await resolve({})).toMatchObject({ revision: hex(latest), tag: "latest" });
      expect(await resolve({ tag: "1.2.0" })).toMatchObject({ revision: hex(first), tag: "1.2.0" });
      expect(await resolve({ semver: ">=1.2 <3" })).toMatchObject({ revision: hex(second), tag: "v1.10.0" });
      expect(await resolve({ digest: first })).toMatchObject({ revision: hex(first), tag: null });
    });

    it("tells what the artifact says of itself", async () => {
      const annotations = {
        "org.opencontainers.image.created": "2026-03-03T12:00:00Z",
        "org.opencontainers.image.revision": "main@sha1:4f2c9e1",
      };
      await shelf.push("latest", { a: "1" }, { annotations });
      const expected = { createdAt: Date.UTC(2026, 2, 3, 12), title: "main@sha1:4f2c9e1" };
      expect(await resolve({})).toMatchObject(expected);
      expect(await resolve({})).toMatchObject(expected);
      await shelf.push("plain", { a: "2" });
      expect(await resolve({ tag: "plain" })).toMatchObject({
        createdAt: null,
        title: expect.stringContaining("plain"),
      });
    });

    it("sees that a tag was moved", async () => {
      const first = await shelf.push("latest", { a: "1" });
      expect((await resolve({})).revision).toBe(hex(first));
      const second = await shelf.push("latest", { a: "2" });
      expect((await resolve({})).revision).toBe(hex(second));
    });

    it("says what is not there", async () => {
      await shelf.push("stable", { a: "1" });
      await shelf.push("1.0.0", { a: "1" });
      const refused = (ref: ArtifactRef) => resolve(ref).catch((error: unknown) => error);
      expect(await refused({ tag: "stabel" })).toMatchObject({ code: "not-found", fix: "Did you mean stable?" });
      expect(await refused({ semver: "^7" })).toMatchObject({
        code: "not-found",
        message: expect.stringContaining("1.0.0"),
      });
      expect(await refused({ digest: `sha256:${"0".repeat(64)}` })).toMatchObject({ code: "not-found" });
      const elsewhere = { ...repository(), url: `${shelf.url}-nowhere` };
      await expect(resolve({}, elsewhere)).rejects.toMatchObject({ code: "not-found" });
    });

    it("ends when it is cancelled, and says when nobody answers", async () => {
      await shelf.push("latest", { a: "1" });
      const stopped = artifacts.resolve(repository(), {}, { signal: AbortSignal.abort() });
      await expect(stopped).rejects.toMatchObject({ code: "cancelled" });
      await shelf.stop();
      await expect(resolve({})).rejects.toMatchObject({ code: "unavailable" });
    });
  });

  describe("a fetched revision", () => {
    it.each(["flux", "oras"] as const)("is a tree, pushed with %s", async (as) => {
      await shelf.push("latest", files, { as });
      const tree = await fetched("latest");
      expect(await tree.entry("")).toMatchObject({ path: "", mode: "directory" });
      expect(await tree.entry("apps/shop/deploy.yaml")).toMatchObject({ mode: "file" });
      for (const path of ["nowhere", "apps/shop/", "/apps", "..", "."]) expect(await tree.entry(path)).toBeNull();
      expect((await tree.list("")).map(({ path, mode }) => [path, mode])).toEqual([
        ["README.md", "file"],
        ["apps", "directory"],
      ]);
      expect((await tree.list("apps")).map(({ path }) => path)).toEqual(["apps/shop", "apps/till"]);
      expect(await tree.list("README.md")).toEqual([]);
      const walked = await tree.walk("", { filesMax: 10 });
      expect(walked.map(({ path, bytes }) => [path, bytes])).toEqual([
        ["README.md", 0],
        ["apps/shop/deploy.yaml", 4],
        ["apps/till/deploy.yaml", 4],
      ]);
      expect((await tree.walk("apps/till", { filesMax: 1 })).map(({ path }) => path)).toEqual([
        "apps/till/deploy.yaml",
      ]);
      const contents = await tree.read(walked.map(({ oid }) => oid).reverse(), { bytesMax: 8 });
      expect(contents.map((bytes) => Buffer.from(bytes).toString())).toEqual(["till", "shop", ""]);
    });

    it("has equal ids for equal content, and no others", async () => {
      await shelf.push("one", { "a/x": "1", "b/x": "1", "c/x": "2" });
      await shelf.push("two", { "a/x": "1", "b/x": "3", "c/y": "2" });
      const [one, two] = [await fetched("one"), await fetched("two")];
      const oid = async (tree: typeof one, path: string) => (await tree.entry(path))?.oid;
      expect(await oid(one, "a")).toBe(await oid(two, "a"));
      expect(await oid(one, "a")).toBe(await oid(one, "b"));
      expect(await oid(one, "b")).not.toBe(await oid(two, "b"));
      expect(await oid(one, "c")).not.toBe(await oid(two, "c"));
      expect(await oid(one, "c/x")).toBe(await oid(two, "c/y"));
      expect(await oid(one, "")).not.toBe(await oid(two, ""));
    });

    it("is refused beyond the caps on files and bytes", async () => {
      await shelf.push("latest", files);
      const tree = await fetched("latest");
      await expect(tree.walk("", { filesMax: 2 })).rejects.toMatchObject({ code: "too-large" });
      const oids = (await tree.walk("", { filesMax: 3 })).map(({ oid }) => oid);
      await expect(tree.read(oids, { bytesMax: 7 })).rejects.toMatchObject({ code: "too-large" });
    });

    it("needs no registry any more, and goes when it is collected", async () => {
      const digest = hex(await shelf.push("latest", files));
      const other = hex(await shelf.push("other", { a: "1" }));
      const tree = await fetched("latest");
      await fetched("other");
      await shelf.stop();
      await artifacts.fetch(repository(), digest, { signal });
      await artifacts.collect(new Set([digest]));
      expect(await tree.entry("README.md")).not.toBeNull();
      await expect(artifacts.treeAt(other).entry("a")).rejects.toMatchObject({ code: "unavailable" });
    });

    it("is not here before", async () => {
      const digest = hex(await shelf.push("latest", files));
      const tree = artifacts.treeAt(digest);
      await expect(tree.entry("README.md")).rejects.toMatchObject({ code: "unavailable" });
      await Promise.all([1, 2].map(() => artifacts.fetch(repository(), digest, { signal })));
      expect(await tree.entry("README.md")).not.toBeNull();
    });
  });

  it("is refused to those who may not read it, and to nobody else", async () => {
    const digest = await shelf.push("latest", files);
    const { credentials } = shelf;
    const anybody = { ...repository(), credentials: null };
    await fetched("latest");
    if (credentials === null) {
      expect((await resolve({ digest }, anybody)).revision).toBe(digest.replace("sha256:", ""));
      return;
    }
    await expect(resolve({}, anybody)).rejects.toMatchObject({ code: "unauthenticated" });
    await expect(resolve({ digest }, anybody)).rejects.toMatchObject({ code: "unauthenticated" });
    const wrong = { ...credentials, auth: { kind: "basic" as const, username: "muster", password: "not this" } };
    await expect(resolve({}, { ...repository(), credentials: wrong })).rejects.toMatchObject({
      code: "unauthenticated",
    });
  });
}
