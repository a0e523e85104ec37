import type { Instant } from "@muster/shared/clock.ts";
import { AppError, messageOf } from "@muster/shared/errors.ts";
import type { CommitId } from "@muster/shared/model/ids.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import { type Revision, SEEN_COMMITS_MAX, type SourceStatus } from "./documents/source-status.ts";

/** What a status is about. */
export interface SourceTarget {
  readonly url: string;
  /** As in `SourceStatus`. */
  readonly branch: string;
  readonly signers: readonly string[];
}

interface FoundHead {
  readonly commit: {
    readonly id: CommitId;
    readonly subject: string;
    readonly author: string;
    readonly committedAt: Instant;
  };
  readonly history: "first" | "unchanged" | "advanced" | "rewritten";
  readonly tag: { readonly name: string } | null;
}

/** Whether a status is about this target, or was found before the definition was changed. */
export const isAbout = (status: SourceStatus, { url, branch, signers }: SourceTarget): boolean =>
  status.url === url && status.branch === branch && status.signers.join(" ") === signers.join(" ");

/** The status of a Source after a fetch that went well. */
export function noteHead(
  before: SourceStatus | null,
  found: { target: SourceTarget; head: FoundHead; epoch: number; now: Instant },
): SourceStatus {
  const { target, head, epoch, now } = found;
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
  const said = (before?.problems ?? []).filter((problem) => problem.code === "HistoryRewritten" && isSame);
  const rewritten = rewrittenProblem(before, target, head, revision);
  return {
    ...shared(before, target),
    tag: head.tag?.name ?? null,
    revision,
    held: null,
    seen: isKnown ? seen : [{ commit: commit.id, number }, ...seen].slice(0, SEEN_COMMITS_MAX),
    epochHead: before?.epochHead?.epoch === epoch ? before.epochHead : { epoch, commit: commit.id, number },
    lastChecked: now,
    problems: rewritten === null ? said : [rewritten],
  };
}

/** The status after a fetch whose head nobody trusted has signed: the last verified Revision stays. */
export function noteHeld(
  before: SourceStatus | null,
  found: { target: SourceTarget; head: FoundHead; reason: string; now: Instant },
): SourceStatus {
  const { target, head, now } = found;
  const { commit, tag } = head;
  const since = before?.held?.commit === commit.id ? before.held.since : now;
  const reason = found.reason.slice(0, 1_000);
  const [subject, author] = [commit.subject.slice(0, 300), commit.author.slice(0, 300)];
  const last = before?.revision ?? null;
  const stays =
    last === null ? "There is no verified commit yet." : `${short(last.commit)}, the last verified one, stays.`;
  return {
    ...shared(before, target),
    tag: tag?.name ?? null,
    held: { commit: commit.id, subject, author, reason, since },
    lastChecked: now,
    problems: [
      {
        code: "CommitHeld",
        message: `Commit ${short(commit.id)} (${subject.slice(0, 100)}) is held: ${reason.slice(0, 800)} ${stays}`,
        where: { repository: target.url, commit: commit.id },
        fix: `Let someone of ${target.signers.join(" or ")} sign a commit on top of it or in its place, or change spec.git.verify.signers.`,
      },
    ],
  };
}

/**
 * What is remembered of a Source whose address, ref or signers were changed: no Revision, and nothing of what was
 * wrong; but which commits were seen, so that numbers only rise, and a pin made before is met by what is new and
 * nothing else.
 */
export const movedTo = (before: SourceStatus, to: SourceTarget): SourceStatus => ({
  ...blank(to),
  seen: before.seen,
});

const blank = ({ url, branch, signers }: SourceTarget): SourceStatus => ({
  url,
  branch,
  signers: [...signers],
  tag: null,
  revision: null,
  held: null,
  seen: [],
  epochHead: null,
  lastChecked: null,
  problems: [],
});

const shared = (before: SourceStatus | null, target: SourceTarget): SourceStatus => before ?? blank(target);

const highestNumber = (status: SourceStatus | null): number =>
  Math.max(0, status?.revision?.number ?? 0, ...(status?.seen ?? []).map(({ number }) => number));

/** Noted until the next commit; it is not a failure, and what was rendered from the old history may stay in force. */
function rewrittenProblem(
  before: SourceStatus | null,
  { url, branch }: SourceTarget,
  { history, tag }: FoundHead,
  to: Revision,
): Problem | null {
  const where = { repository: url, commit: to.commit };
  const from = before?.revision ?? null;
  if (tag !== null) {
    if (from === null || from.commit === to.commit || before?.tag !== tag.name) return null;
    const message = `The tag ${tag.name} was moved from ${short(from.commit)} to ${short(to.commit)}. Muster follows it.`;
    return { code: "HistoryRewritten", message, where };
  }
  if (history !== "rewritten") return null;
  const was = from ? ` ${short(from.commit)} is no longer part of it;` : "";
  return {
    code: "HistoryRewritten",
    message: `The history of ${branch} was rewritten (force push):${was} the head is now ${short(to.commit)}. Muster follows the new head.`,
    where,
  };
}

const short = (commit: string): string => commit.slice(0, 7);

/** The status after a fetch that failed: the last Revision stays, with the reason why there is no newer. */
export function noteFailure(
  before: SourceStatus | null,
  found: { target: SourceTarget; problem: Problem; now: Instant },
): SourceStatus {
  return { ...shared(before, found.target), lastChecked: found.now, problems: [found.problem] };
}

/** What it means to people that the repository was read, and that what a Source wants of it was not found. */
export function problemOfRef(
  url: string,
  { kind, reason, fix }: { kind: "missing" | "ambiguous" | "incomplete"; reason: string; fix: string },
): Problem {
  const again = kind === "incomplete" ? "it is tried again" : "it is looked for at each poll";
  return {
    code: kind === "incomplete" ? "RepositoryUnreachable" : "RefNotFound",
    message: `${reason.slice(0, 1_500)}. What runs stays as it is, and ${again}.`,
    where: { repository: url },
    fix: fix.slice(0, 1_000),
  };
}

/** What a failed fetch means to people. */
export function problemOfFetch(error: unknown, target: { url: string; branch: string }): Problem {
  const where = { repository: target.url };
  const said = messageOf(error).slice(0, 1_300);
  const url = shortened(target.url);
  const stays = "What runs stays as it is, and it is tried again.";
  const code = error instanceof AppError ? error.code : null;
  const fix = error instanceof AppError ? error.fix : undefined;
  switch (code) {
    case "unauthenticated":
      return {
        code: "CredentialsRefused",
        message: `${url} refused the credentials: ${said}. ${stays}`,
        where,
        fix: fix ?? "Check the mounted credential that spec.git.credentials names.",
      };
    case "forbidden":
      return {
        code: "AddressForbidden",
        message: `${url} is not fetched: ${said}. ${stays}`,
        where,
        fix: fix ?? "Change spec.git.url, or ask an administrator to allow the address.",
      };
    case "not-found":
      return {
        code: "RefNotFound",
        message: `${shortened(target.branch)} of ${url} is not there: ${said}. ${stays}`,
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

/** What it means that a credential cannot be had: not mounted, not for this use, or broken. */
export function problemOfCredential(error: unknown, target: { url: string }): Problem {
  const fix = error instanceof AppError ? error.fix : undefined;
  const said = messageOf(error).slice(0, 1_300);
  return {
    code: "CredentialsRefused",
    message: `${shortened(target.url)} is not fetched: ${said}. What runs stays as it is, and it is tried again.`,
    where: { repository: target.url },
    ...(fix === undefined ? {} : { fix }),
  };
}

/** A sentence has room for so much of an address; the whole of it is in `where`. */
const shortened = (url: string): string => (url.length > 250 ? `${url.slice(0, 250)}…` : url);

/** Of the present Revision: at which number its commit was first seen. */
export const firstSeen = (status: SourceStatus, revision: Revision): number =>
  status.seen.find((one) => one.commit === revision.commit)?.number ?? revision.number;

/** The epoch in which this Revision is fresh: newer than the head found at that epoch's first fetch. Null: in none. */
export const freshIn = ({ epochHead }: SourceStatus, revision: Revision): number | null =>
  epochHead !== null && revision.number > epochHead.number ? epochHead.epoch : null;
