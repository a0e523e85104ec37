import { createHash } from "node:crypto";
import { AppError } from "@muster/shared/errors.ts";
import type { CommitId } from "@muster/shared/model/ids.ts";
import type { ArtifactRef, ArtifactRepository, ArtifactSource, ResolvedArtifact } from "../ports/artifact-source.ts";
import type { SourceTree } from "../ports/source-tree.ts";
import { type MemoryFile, MemoryTree } from "./memory-tree.ts";

/** A registry in memory: tests push to it. */
export class FakeArtifacts implements ArtifactSource {
  readonly #tags = new Map<string, CommitId>();
  readonly #pushed = new Map<CommitId, MemoryTree>();
  readonly #fetched = new Set<CommitId>();

  push(url: string, tag: string, files: Readonly<Record<string, MemoryFile>>): CommitId {
    const revision = createHash("sha256")
      .update(JSON.stringify([url, files]))
      .digest("hex") as CommitId;
    this.#pushed.set(revision, new MemoryTree(files));
    this.#tags.set(`${url} ${tag}`, revision);
    return revision;
  }

  async resolve({ url }: ArtifactRepository, { tag = "latest" }: ArtifactRef): Promise<ResolvedArtifact> {
    const revision = this.#tags.get(`${url} ${tag}`);
    if (revision === undefined) throw new AppError("not-found", `${url} has no tag ${tag}`);
    return { revision, tag, createdAt: null, title: `${url}:${tag}` };
  }

  async fetch(_repository: ArtifactRepository, revision: CommitId): Promise<void> {
    this.#fetched.add(revision);
  }

  treeAt(revision: CommitId): SourceTree {
    const tree = this.#fetched.has(revision) ? this.#pushed.get(revision) : undefined;
    if (tree === undefined) throw new AppError("unavailable", `${revision} is not here`);
    return tree;
  }

  async collect(keep: ReadonlySet<CommitId>): Promise<void> {
    for (const revision of this.#fetched) if (!keep.has(revision)) this.#fetched.delete(revision);
  }

  async close(): Promise<void> {}
}
