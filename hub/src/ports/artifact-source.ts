import type { Instant } from "@muster/shared/clock.ts";
import type { CommitId } from "@muster/shared/model/ids.ts";
import type { Credentials } from "./credentials.ts";
import type { SourceTree } from "./source-tree.ts";

/** `oci://registry.example.com/path`, without tag. */
export interface ArtifactRepository {
  readonly url: string;
  readonly credentials: Credentials | null;
}

/** Exactly one of them, as a Source's definition has it. */
export interface ArtifactRef {
  readonly tag?: string | undefined;
  /** A range that the highest tag is taken of, read as Helm reads ranges. */
  readonly semver?: string | undefined;
  /** `sha256:<64 hex digits>`. */
  readonly digest?: string | undefined;
}

export interface ResolvedArtifact {
  /** The 64 hex digits of the manifest's digest: what a commit is to a Git repository. */
  readonly revision: CommitId;
  /** Null when a digest was asked for. */
  readonly tag: string | null;
  /** When it was made, if it says so. */
  readonly createdAt: Instant | null;
  /** What it says of itself in a line, or its name and tag. */
  readonly title: string;
}

export interface ArtifactLimits {
  /** All layers together, as they travel. */
  readonly packedBytesMax: number;
  /** All files together. */
  readonly unpackedBytesMax: number;
  readonly filesMax: number;
  /** For unpacking, once it is here. */
  readonly timeoutMsMax: number;
}

export const ARTIFACT_LIMITS: ArtifactLimits = {
  packedBytesMax: 64 * 1024 * 1024,
  unpackedBytesMax: 256 * 1024 * 1024,
  filesMax: 30_000,
  timeoutMsMax: 60_000,
};

/**
 * Manifests that are pushed to an OCI registry instead of a Git repository: a tar, packed with gzip or zstd, as `flux
 * push artifact` makes it, or single files with a title, as `oras push` does.
 */
export interface ArtifactSource {
  /**
   * What a reference leads to now: one small request when that is known already, two otherwise. Whoever may not read the
   * repository is refused here, so ask before every use of what was fetched for somebody.
   * @throws AppError "unavailable", "unauthenticated", "forbidden" (an address that may not be reached), "not-found" (no
   * such repository, tag, version or digest), "invalid".
   */
  resolve(repository: ArtifactRepository, ref: ArtifactRef, opts: { signal: AbortSignal }): Promise<ResolvedArtifact>;
  /**
   * Gets the files of a revision, checked against their digests; nothing when they are here already.
   * @throws as `resolve`, "invalid" for what holds no files, a path that leads out or something other than files and
   * links, and "too-large".
   */
  fetch(repository: ArtifactRepository, revision: CommitId, opts: { signal: AbortSignal }): Promise<void>;
  /** The files of a fetched revision. Its calls throw AppError "unavailable" for one that is not here. */
  treeAt(revision: CommitId): SourceTree;
  /** Removes every revision but these. What is being fetched stays. */
  collect(keep: ReadonlySet<CommitId>): Promise<void>;
  close(): Promise<void>;
}
