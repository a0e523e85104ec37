import type { CommitId } from "@muster/shared/model/ids.ts";
import type { StoredSource } from "../../core/documents/definition.ts";
import type { ArtifactSource } from "../../ports/artifact-source.ts";
import type { CredentialStore } from "../../ports/credentials.ts";
import type { GitSource } from "../../ports/git-source.ts";
import type { SourceTree } from "../../ports/source-tree.ts";
import { remoteOf } from "../git-remotes.ts";

/** The files of a Source's Revision, from wherever it is kept. @throws as `CredentialStore.resolve`. */
export type OpenTree = (source: StoredSource, revision: CommitId) => Promise<SourceTree>;

export function createTreeOpener(deps: {
  git: GitSource;
  artifacts: ArtifactSource;
  credentials: CredentialStore;
  signal: AbortSignal;
}): OpenTree {
  return async (source, revision) =>
    source.definition.spec.oci === undefined
      ? deps.git.treeAt(await remoteOf(source, deps.credentials, { signal: deps.signal }), revision)
      : deps.artifacts.treeAt(revision);
}
