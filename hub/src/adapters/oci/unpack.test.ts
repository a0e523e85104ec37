import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ARTIFACT_LIMITS } from "../../ports/artifact-source.ts";
import { StoredArtifact } from "./stored-artifact.ts";
import { type TarEntry, tarOf } from "./testing/artifact-layers.ts";
import { type UnpackTask, unpack } from "./unpack.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-unpack-"));
});
afterEach(() => rm(folder, { recursive: true }));

const layer = (bytes: Uint8Array, title: string | null = null) => ({ title, bytes });
async function unpacked(layers: UnpackTask["layers"], limits = {}): Promise<StoredArtifact> {
  const directory = await mkdtemp(join(folder, "artifact-"));
  await unpack({ layers, directory, limits: { ...ARTIFACT_LIMITS, ...limits } });
  return new StoredArtifact(directory, "the artifact");
}
async function contentsOf(artifact: StoredArtifact): Promise<Record<string, string>> {
  const files = await artifact.walk("", { filesMax: 1_000 });
  const contents = await artifact.read(
    files.map(({ oid }) => oid),
    { bytesMax: 1_000_000 },
  );
  return Object.fromEntries(
    files.map(({ path, mode }, at) => [
      path,
      `${mode === "file" ? "" : `${mode}: `}${Buffer.from(contents[at] ?? [])}`,
    ]),
  );
}

describe("unpacking", () => {
  const small = [{ name: "./a.yaml", content: "1" }];
  it.each([
    ["a tar", async () => tarOf(small)],
    ["gzip", async () => gzipSync(await tarOf(small))],
    ["zstd", async () => zstdCompressSync(await tarOf(small))],
  ])("reads %s", async (_, archive) => {
    expect(await contentsOf(await unpacked([layer(await archive())]))).toEqual({ "a.yaml": "1" });
  });

  it("keeps modes and links, long names and empty files", async () => {
    const long = `${"directory/".repeat(20)}${"ü".repeat(60)}.yaml`;
    const archive = await tarOf([
      { name: "bin/", type: "directory" },
      { name: "bin/run.sh", mode: 0o755, content: "#!/bin/sh" },
      { name: "out", type: "symlink", linkname: "../../etc/passwd" },
      { name: long, content: "long" },
      { name: "again", type: "link", linkname: "./bin/run.sh" },
      { name: "empty" },
    ]);
    expect(await contentsOf(await unpacked([layer(archive)]))).toEqual({
      "bin/run.sh": "executable: #!/bin/sh",
      out: "symlink: ../../etc/passwd",
      [long]: "long",
      again: "executable: #!/bin/sh",
      empty: "",
    });
  });

  it("lays later layers over earlier ones, and takes titled layers for files", async () => {
    const artifact = await unpacked([
      layer(
        await tarOf([
          { name: "a", content: "1" },
          { name: "b", content: "1" },
        ]),
      ),
      layer(await tarOf([{ name: "b", content: "2" }])),
      layer(Buffer.from("plain"), "apps/c.yaml"),
      layer(gzipSync("not a tar"), "d.gz"),
      layer(gzipSync(await tarOf([{ name: "e/f", content: "in it" }])), "e"),
    ]);
    const { "d.gz": packed, ...rest } = await contentsOf(artifact);
    expect(rest).toEqual({ a: "1", b: "2", "apps/c.yaml": "plain", "e/f": "in it" });
    expect(packed).not.toBe("not a tar");
  });

  const file = (name: string, content = "1"): TarEntry => ({ name, content });
  it.each<[string, TarEntry[]]>([
    ["a path that leads out", [file("a/../../b")]],
    ["an absolute path", [file("/etc/passwd")]],
    ["control characters", [file("a\nb")]],
    ["a name that is too long", [file("x".repeat(300))]],
    ["a file below a link", [{ name: "a", type: "symlink", linkname: "/etc" }, file("a/passwd")]],
    ["a link in place of a directory", [file("a/b"), { name: "a", type: "symlink", linkname: "/etc" }]],
    ["a file in place of a directory", [file("a/b"), file("a")]],
    ["a link that leads out", [{ name: "a", type: "link", linkname: "../../etc/passwd" }]],
    ["a link to nothing", [{ name: "a", type: "link", linkname: "b" }]],
    ["a device", [{ name: "a", type: "character-device" }]],
    ["a pipe", [{ name: "a", type: "fifo" }]],
    ["nothing", []],
  ])("refuses %s", async (_, entries) => {
    await expect(unpacked([layer(await tarOf(entries))])).rejects.toMatchObject({ code: "invalid" });
  });

  it("refuses what is damaged, and what is none", async () => {
    const archive = gzipSync(await tarOf([file("a", "x".repeat(100_000)), file("b")]));
    for (const bytes of [
      archive.subarray(0, archive.length / 2),
      Buffer.from("no tar"),
      (await tarOf([file("a", "x".repeat(5_000))])).subarray(0, 2_000),
    ]) {
      await expect(unpacked([layer(Uint8Array.from(bytes))])).rejects.toMatchObject({ code: "invalid" });
    }
  });

  it.each([
    ["gzip", gzipSync],
    ["zstd", zstdCompressSync],
  ])("stops at a bomb of %s", async (_, compress) => {
    const zeros = await tarOf([file("a", "\0".repeat(40_000_000))]);
    const packed = Uint8Array.from(compress(zeros));
    expect(packed.length).toBeLessThan(100_000);
    const limits = { unpackedBytesMax: 10_000_000 };
    await expect(unpacked([layer(packed)], limits)).rejects.toMatchObject({ code: "too-large" });
    // Zeros after the end of an archive are none of its files, and still have to be unpacked.
    const endless = Uint8Array.from(compress(Buffer.alloc(400_000_000)));
    await expect(unpacked([layer(endless)], { ...limits, filesMax: 10 })).rejects.toMatchObject({ code: "too-large" });
  });

  it("stops at too many files, and at too many bytes over several layers", async () => {
    const many = await tarOf(Array.from({ length: 11 }, (_, at) => file(`${at}`)));
    await expect(unpacked([layer(many)], { filesMax: 10 })).rejects.toMatchObject({ code: "too-large" });
    const large = [1, 2].map((at) => layer(Buffer.alloc(600), `${at}`));
    await expect(unpacked(large, { unpackedBytesMax: 1_000 })).rejects.toMatchObject({ code: "too-large" });
  });
});

const hasGit = (() => {
  try {
    return execFileSync("git", ["--version"]).length > 0;
  } catch {
    return false;
  }
})();

it.runIf(hasGit)("names objects as Git does in a SHA-256 repository", async () => {
  const repository = join(folder, "repository");
  const files: Record<string, string> = { "a.b": "1", "a/b": "2", "a/c/d": "3", "a-b": "4", ü: "5", z: "" };
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(repository, path)), { recursive: true });
    await writeFile(join(repository, path), content);
  }
  await chmod(join(repository, "z"), 0o755);
  await symlink("a/b", join(repository, "link"));
  const git = (...args: string[]) =>
    execFileSync("git", args, { cwd: repository, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  git("init", "--object-format=sha256");
  git("add", "--all");
  const entries: TarEntry[] = Object.entries(files).map(([name, content]) => ({
    name,
    content,
    mode: name === "z" ? 0o755 : 0o644,
  }));
  const artifact = await unpacked([
    layer(await tarOf([...entries, { name: "link", type: "symlink", linkname: "a/b" }])),
  ]);
  expect((await artifact.entry(""))?.oid).toBe(git("write-tree"));
});
