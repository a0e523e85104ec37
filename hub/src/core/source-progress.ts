import type { Instant } from "@muster/shared/clock.ts";
import { AppError, messageOf } from "@muster/shared/errors.ts";
import type { CommitId } from "@muster/shared/model/ids.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import { type Revision, SEEN_COMMITS_MAX, type SourceStatus } from "./documents/source-status.ts";

interface FoundHead {
  readonly commit: {
    readonly id: CommitId;
    readonly subject: string;
    readonly author: string;
    readonly committedAt: Instant;
  };
  readonly history: "first" | "unchanged" | "advanced" | "rewritten";
}

/** The status of a Source after a fetch that went well. */
export function noteHead(
  before: SourceStatus | null,
  found: { url: string; branch: string; head: FoundHead; epoch: number; now: Instant },
): SourceStatus {
  const { url, branch, head, epoch, now } = found;
  const { commit } = head;
  const isSame = before?.revision?.commit === commit.id;
  const number = isSame && before.revision ? before.revision.number : highestNumber(before) + 1;
  const revision: Revision =
    isSame && before.revision
      ? before.revision
      : {
          number,
          commit: commit.id,
          subject: commit.subject.slice(0, 300),
          author: commit.author.slice(0, 300),
          committedAt: commit.committedAt,
          seenAt: now,
        };
  const seen = before?.seen ?? [];
  const isKnown = seen.some((one) => one.commit === commit.id);
  const { problems: said = [] } = before ?? {};
  const rewritten = said.filter((problem) => problem.code === "HistoryRewritten" && isSame);
  return {
    url,
    branch,
    revision,
    seen: isKnown ? seen : [{ commit: commit.id, number }, ...seen].slice(0, SEEN_COMMITS_MAX),
    epochHead: before?.epochHead?.epoch === epoch ? before.epochHead : { epoch, commit: commit.id, number },
    lastChecked: now,
    problems: head.history === "rewritten" ? [rewrittenProblem(url, branch, before?.revision, revision)] : rewritten,
  };
}

/**
 * What is remembered of a Source whose address or branch was changed: no Revision, and nothing of what was wrong; but
 * which commits were seen, so that numbers only rise, and a pin made before is met by what is new and nothing else.
 */
export const movedTo = (before: SourceStatus, to: { url: string; branch: string }): SourceStatus => ({
  ...to,
  revision: null,
  seen: before.seen,
  epochHead: null,
  lastChecked: null,
  problems: [],
});

const highestNumber = (status: SourceStatus | null): number =>
  Math.max(0, status?.revision?.number ?? 0, ...(status?.seen ?? []).map(({ number }) => number));

/** Noted until the next commit; it is not a failure, and what was rendered from the old history may stay in force. */
function rewrittenProblem(url: string, branch: string, from: Revision | null | undefined, to: Revision): Problem {
  const was = from ? ` ${from.commit.slice(0, 7)} is no longer part of it;` : "";
  return {
    code: "HistoryRewritten",
    message: `The history of ${branch} was rewritten (force push):${was} the head is now ${to.commit.slice(0, 7)}. Muster follows the new head.`,
    where: { repository: url, commit: to.commit },
  };
}

/** The status after a fetch that failed: the last Revision stays, with the reason why there is no newer. */
export function noteFailure(
  before: SourceStatus | null,
  found: { url: string; branch: string; problem: Problem; now: Instant },
): SourceStatus {
  const { url, branch, problem, now } = found;
  return {
    url,
    branch,
    revision: before?.revision ?? null,
    seen: before?.seen ?? [],
    epochHead: before?.epochHead ?? null,
    lastChecked: now,
    problems: [problem],
  };
}

/** What a failed fetch means to people. */
export function problemOfFetch(error: unknown, git: { url: string; ref: { branch: string } }): Problem {
  const where = { repository: git.url };
  const said = messageOf(error).slice(0, 1_300);
  const url = shortened(git.url);
  const stays = "What runs stays as it is, and it is tried again.";
  const code = error instanceof AppError ? error.code : null;
  const fix = error instanceof AppError ? error.fix : undefined;
  switch (code) {
    case "unauthenticated":
    case "forbidden":
      return {
        code: "CredentialsRefused",
        message: `${url} refused the credentials: ${said}. ${stays}`,
        where,
        fix: fix ?? "Check the mounted credential that spec.git.credentials names.",
      };
    case "not-found":
      return {
        code: "RefNotFound",
        message: `${url} has no branch ${git.ref.branch}, or there is no such repository: ${said}. ${stays}`,
        where,
        fix: fix ?? "If the branch was deleted on purpose, change spec.git.ref of the Source.",
      };
    default:
      return {
        code: "RepositoryUnreachable",
        message: `${url} cannot be fetched: ${said}. ${stays}`,
        where,
        ...(fix === undefined ? {} : { fix }),
      };
  }
}

/** A sentence has room for so much of an address; the whole of it is in `where`. */
const shortened = (url: string): string => (url.length > 250 ? `${url.slice(0, 250)}…` : url);

/** Of the present Revision: at which number its commit was first seen. */
export const firstSeen = (status: SourceStatus, revision: Revision): number =>
  status.seen.find((one) => one.commit === revision.commit)?.number ?? revision.number;

/** The epoch in which this Revision is fresh: newer than the head found at that epoch's first fetch. Null: in none. */
export const freshIn = ({ epochHead }: SourceStatus, revision: Revision): number | null =>
  epochHead !== null && revision.number > epochHead.number ? epochHead.epoch : null;
