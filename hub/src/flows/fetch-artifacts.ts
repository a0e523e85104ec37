import type { Clock, Instant } from "@muster/shared/clock.ts";
import { abortedBy, withDeadline } from "@muster/shared/deadline.ts";
import { messageOf } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import { formatApp } from "@muster/shared/model/ids.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import { nameOf, type StoredSource } from "../core/documents/definition.ts";
import { problemOfCredential, problemOfFetch } from "../core/source-progress.ts";
import type { ArtifactSource } from "../ports/artifact-source.ts";
import type { CredentialStore } from "../ports/credentials.ts";
import type { FoundRef } from "../ports/git-source.ts";
import type { HubMetrics } from "../ports/metrics.ts";
import { targetOf } from "./git-remotes.ts";

const FETCH_TIMEOUT_MS = 5 * 60_000;

/** What became of one Source. */
export type FetchOutcome =
  | { readonly kind: "found"; readonly head: FoundRef; readonly at: Instant }
  /** There, and signed by nobody who is trusted. */
  | { readonly kind: "held"; readonly head: FoundRef; readonly reason: string; readonly at: Instant }
  /** `isRetried`: before the next poll. */
  | { readonly kind: "failed"; readonly problem: Problem; readonly isRetried: boolean; readonly at: Instant };

/**
 * What each Source's reference leads to in its registry, and the files of it. An artifact is told of like a commit: its
 * digest is the id, and what it says of itself the subject.
 */
export async function fetchArtifacts(
  deps: { artifacts: ArtifactSource; credentials: CredentialStore; clock: Clock; metrics: HubMetrics; log: Log },
  sources: readonly StoredSource[],
  stop: AbortSignal,
): Promise<readonly FetchOutcome[]> {
  return Promise.all(sources.map((source) => fetchArtifact(deps, source, stop)));
}

async function fetchArtifact(
  { artifacts, credentials, clock, metrics, log }: Parameters<typeof fetchArtifacts>[0],
  source: StoredSource,
  stop: AbortSignal,
): Promise<FetchOutcome> {
  const { oci } = source.definition.spec;
  if (oci === undefined) throw new Error(`${formatApp(nameOf(source))} is no artifact`);
  const target = targetOf(source);
  const signal = withDeadline(FETCH_TIMEOUT_MS, stop);
  const began = clock.now();
  const failed = (problem: Problem, reason: string): FetchOutcome => {
    if (!stop.aborted) {
      metrics.count("fetch-failures");
      log.warn({ source: formatApp(nameOf(source)), reason }, "source not fetched");
    }
    return { kind: "failed", problem, isRetried: true, at: clock.now() };
  };
  const use = { project: nameOf(source).project, url: oci.url };
  let repository: Parameters<ArtifactSource["fetch"]>[0];
  try {
    const found = oci.credentials === undefined ? null : await credentials.resolve(oci.credentials, use, { signal });
    repository = { url: oci.url, credentials: found };
  } catch (error) {
    return failed(problemOfCredential(error, target), messageOf(error));
  }
  try {
    const { revision, tag, createdAt, title } = await artifacts.resolve(repository, oci.ref, { signal });
    await artifacts.fetch(repository, revision, { signal });
    metrics.count("fetches");
    metrics.took("fetch", clock.now() - began);
    const commit = { id: revision, subject: title, author: "", committedAt: createdAt ?? clock.now() };
    // A tag of a registry is meant to move, so nothing is said of it when it does.
    log.debug({ source: formatApp(nameOf(source)), tag, digest: revision }, "artifact fetched");
    return { kind: "found", head: { kind: "found", commit, history: "advanced", tag: null }, at: clock.now() };
  } catch (thrown) {
    const error = signal.aborted
      ? abortedBy(signal, `the fetch of ${oci.url}`, { timeoutMs: FETCH_TIMEOUT_MS })
      : thrown;
    return failed(problemOfFetch(error, target), messageOf(error));
  }
}
