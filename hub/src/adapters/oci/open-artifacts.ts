import { mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { AppError, isAppError } from "@muster/shared/errors.ts";
import type { CommitId } from "@muster/shared/model/ids.ts";
import { nearestName } from "@muster/shared/nearest-name.ts";
import { SharedWork } from "@muster/shared/shared-work.ts";
import { newestVersions, parseVersionRange } from "@muster/shared/version-range.ts";
import {
  ARTIFACT_LIMITS,
  type ArtifactLimits,
  type ArtifactRef,
  type ArtifactRepository,
  type ArtifactSource,
  type ResolvedArtifact,
} from "../../ports/artifact-source.ts";
import { isTag } from "./address.ts";
import { type ArtifactDescription, describeArtifact, fileLayers } from "./describe-artifact.ts";
import type { OciManifest } from "./manifest.ts";
import type { OciRegistry } from "./registry.ts";
import { StoredArtifact } from "./stored-artifact.ts";
import { unpackInThread } from "./unpack-in-thread.ts";

const DESCRIPTIONS_MAX = 1_000;
/** The index of 20,000 files takes some ten megabytes once it was read. */
const TREES_MAX = 8;
const UNPACKED = /^[0-9a-f]{64}$/;
const UNFINISHED = "unfinished-";

export interface ArtifactsOptions {
  readonly registry: OciRegistry;
  /** Of its own; each revision is a folder in it that appears by one rename, when it is complete. */
  readonly directory: string;
  readonly limits?: Partial<ArtifactLimits>;
}

/** Artifacts of OCI registries as Sources. Nothing else may write to the directory. */
export async function openArtifacts({ registry, directory, ...options }: ArtifactsOptions): Promise<ArtifactSource> {
  const limits = { ...ARTIFACT_LIMITS, ...options.limits };
  const closing = new AbortController();
  const fetching = new SharedWork<void>();
  const beingFetched = new Set<string>();
  /** Of manifests, which never change. */
  const descriptions = new Map<string, ArtifactDescription>();
  const trees = new Map<string, StoredArtifact>();

  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const name of await readdir(directory)) if (name.startsWith(UNFINISHED)) await remove(name);

  async function resolve(
    repository: ArtifactRepository,
    ref: ArtifactRef,
    { signal }: { signal: AbortSignal },
  ): Promise<ResolvedArtifact> {
    const reference = ref.digest ?? (await tagOf(repository, ref, signal));
    const tag = ref.digest === undefined ? reference : null;
    const digest = await digestOf(repository, reference, tag, signal);
    const known = digest === null ? undefined : descriptions.get(digest);
    const found = known === undefined ? await look(repository, digest ?? reference, signal) : { digest, ...known };
    return {
      revision: (found.digest as string).slice("sha256:".length) as CommitId,
      tag,
      createdAt: found.createdAt,
      title: found.title ?? `${repository.url.slice(repository.url.lastIndexOf("/") + 1)} ${tag ?? ""}`.trim(),
    };
  }

  async function digestOf(
    repository: ArtifactRepository,
    reference: string,
    tag: string | null,
    signal: AbortSignal,
  ): Promise<string | null> {
    try {
      return await registry.digestOf(repository, reference, { signal });
    } catch (error) {
      throw isAppError(error, "not-found") && tag !== null ? await noSuchTag(repository, tag, error, signal) : error;
    }
  }

  async function tagOf(repository: ArtifactRepository, ref: ArtifactRef, signal: AbortSignal): Promise<string> {
    if (ref.semver === undefined) {
      const tag = ref.tag ?? "latest";
      if (isTag(tag)) return tag;
      throw new AppError("invalid", `${JSON.stringify(tag.slice(0, 140))} cannot be a tag`);
    }
    const range = parseVersionRange(ref.semver);
    const tags = await registry.tags(repository, { signal });
    // A tag has no `+`: where one is meant, `_` is written.
    const version = range.highestOf(tags.map((tag) => tag.replaceAll("_", "+")));
    if (version !== null) return version.replaceAll("+", "_");
    const newest = newestVersions(tags, 3);
    const there = newest.length === 0 ? "none of its tags is a version" : `the newest there are ${newest.join(", ")}`;
    throw new AppError("not-found", `no tag of ${repository.url} is in the range ${range.text}: ${there}`, {
      fix: "Check spec.oci.ref.semver; pre-releases count only when it names one (>=1.2.0-0).",
    });
  }

  async function look(
    repository: ArtifactRepository,
    reference: string,
    signal: AbortSignal,
  ): Promise<ArtifactDescription & { digest: string; manifest: OciManifest }> {
    const { digest, manifest } = await registry.manifest(repository, reference, { signal });
    const description = describeArtifact(manifest);
    descriptions.delete(digest);
    descriptions.set(digest, description);
    const [oldest] = descriptions.keys();
    if (descriptions.size > DESCRIPTIONS_MAX && oldest !== undefined) descriptions.delete(oldest);
    return { ...description, digest, manifest };
  }

  async function noSuchTag(
    repository: ArtifactRepository,
    tag: string,
    error: AppError,
    signal: AbortSignal,
  ): Promise<AppError> {
    const tags = await registry.tags(repository, { signal }).catch(() => []);
    const near = nearestName(tag, tags);
    if (tags.length === 0) return error;
    const there = `it has ${tags.slice(-5).join(", ")}${tags.length > 5 ? ` and ${tags.length - 5} more` : ""}`;
    return new AppError("not-found", `${error.message}: ${there}`, {
      cause: error,
      fix: near === null ? "Check spec.oci.ref.tag." : `Did you mean ${near}?`,
    });
  }

  async function fetch(repository: ArtifactRepository, revision: CommitId, signal: AbortSignal): Promise<void> {
    const what = `${repository.url}@sha256:${revision.slice(0, 12)}`;
    const { manifest } = await look(repository, `sha256:${revision}`, signal);
    const layers = fileLayers(manifest, what);
    const packed = layers.reduce((total, { descriptor }) => total + descriptor.size, 0);
    if (packed > limits.packedBytesMax) {
      throw new AppError("too-large", `${what} has ${packed} bytes, and at most ${limits.packedBytesMax} are read`);
    }
    const read: { title: string | null; bytes: Uint8Array }[] = [];
    for (const { descriptor, title } of layers) {
      const bytes = await registry.blob(repository, descriptor.digest, { bytesMax: descriptor.size, signal });
      read.push({ title, bytes });
    }
    const unfinished = await mkdtemp(join(directory, UNFINISHED));
    try {
      await unpackInThread({ layers: read, directory: unfinished, limits }, { what, signal });
      await rename(unfinished, join(directory, revision));
    } finally {
      await rm(unfinished, { recursive: true, force: true });
    }
  }

  const isHere = (revision: string): Promise<boolean> =>
    stat(join(directory, revision)).then(
      () => true,
      () => false,
    );

  async function remove(name: string): Promise<void> {
    await rm(join(directory, name), { recursive: true, force: true });
  }

  return {
    resolve,

    async fetch(repository, revision, { signal }) {
      if (await isHere(revision)) return;
      beingFetched.add(revision);
      const work = (shared: AbortSignal) => fetch(repository, revision, AbortSignal.any([shared, closing.signal]));
      // Not shared between repositories or credentials: one that cannot be read must not fail another.
      const key = JSON.stringify([repository, revision]);
      try {
        await fetching.run(key, work, { what: `fetching ${repository.url}`, signal });
      } catch (error) {
        // Somebody else was faster, from another repository.
        if (!(await isHere(revision))) throw error;
      } finally {
        beingFetched.delete(revision);
      }
    },

    treeAt(revision) {
      const tree =
        trees.get(revision) ??
        new StoredArtifact(join(directory, revision), `the artifact sha256:${revision.slice(0, 12)}`);
      trees.delete(revision);
      trees.set(revision, tree);
      const [oldest] = trees.keys();
      if (trees.size > TREES_MAX && oldest !== undefined) trees.delete(oldest);
      return tree;
    },

    async collect(keep) {
      for (const name of await readdir(directory)) {
        if (!UNPACKED.test(name) || keep.has(name as CommitId) || beingFetched.has(name)) continue;
        trees.delete(name);
        await remove(name);
      }
    },

    async close() {
      closing.abort();
    },
  };
}
