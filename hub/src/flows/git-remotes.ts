import { AppError } from "@muster/shared/errors.ts";
import { formatApp } from "@muster/shared/model/ids.ts";
import { gitOf, nameOf, type StoredSource } from "../core/documents/definition.ts";
import type { SourceTarget } from "../core/source-progress.ts";
import { type CredentialStore, NO_CREDENTIALS } from "../ports/credentials.ts";
import type { GitRemote } from "../ports/git-source.ts";

/** What the Source's status must be about to say anything of it now. */
export function targetOf(source: StoredSource): SourceTarget {
  const { url, ref } = gitOf(source);
  const signers = source.definition.spec.git?.verify?.signers ?? [];
  return { url, branch: ref.branch, signers: [...signers].sort() };
}

/**
 * The repository of a Source, with its credentials as they are mounted now. A submodule may use them as well where they
 * are bound to its address.
 * @throws AppError "invalid" for a Source that is no Git repository, and as `CredentialStore.resolve`.
 */
export async function remoteOf(
  source: StoredSource,
  credentials: CredentialStore,
  opts: { signal: AbortSignal },
): Promise<GitRemote> {
  const { git } = source.definition.spec;
  if (git === undefined) throw new AppError("invalid", `${formatApp(nameOf(source))} is no Git repository`);
  const { project } = nameOf(source);
  const { url, credentials: name, submodules, lfs } = git;
  const resolve = async (at: string) =>
    name === undefined ? NO_CREDENTIALS : credentials.resolve(name, { project, url: at }, opts);
  return { url, scope: name ?? "", credentials: await resolve(url), submodules, lfs };
}
