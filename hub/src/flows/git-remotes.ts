import { AppError, isAppError } from "@muster/shared/errors.ts";
import { formatApp } from "@muster/shared/model/ids.ts";
import { gitOf, nameOf, type StoredSource } from "../core/documents/definition.ts";
import { parseRemote } from "../core/remote-address.ts";
import type { SourceTarget } from "../core/source-progress.ts";
import { type CredentialStore, NO_CREDENTIALS } from "../ports/credentials.ts";
import type { GitRemote, SubmoduleAccess } from "../ports/git-source.ts";

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
  source: Pick<StoredSource, "definition">,
  credentials: CredentialStore,
  opts: { signal: AbortSignal },
): Promise<GitRemote> {
  const { git } = source.definition.spec;
  if (git === undefined) throw new AppError("invalid", `${formatApp(nameOf(source))} is no Git repository`);
  const { project } = nameOf(source);
  const { url, credentials: name, submodules, lfs } = git;
  const resolve = async (at: string, { signal }: { signal: AbortSignal }) =>
    name === undefined ? NO_CREDENTIALS : credentials.resolve(name, { project, url: at }, { signal });
  const access: SubmoduleAccess = async (at, signalled) => {
    // A credential that is not for this address stays at home, and the submodule is read as by anybody.
    if (name === undefined || !isSameHost(url, at)) return { scope: "", credentials: NO_CREDENTIALS };
    try {
      return { scope: name, credentials: await resolve(at, signalled) };
    } catch (error) {
      if (!isAppError(error, "forbidden")) throw error;
      return { scope: "", credentials: NO_CREDENTIALS };
    }
  };
  return {
    url,
    scope: name ?? "",
    credentials: await resolve(url, opts),
    submodules: submodules ? access : false,
    lfs,
  };
}

function isSameHost(one: string, other: string): boolean {
  const [a, b] = [parseRemote(one), parseRemote(other)];
  return a !== null && b !== null && a.scheme === b.scheme && a.host === b.host && a.port === b.port;
}
