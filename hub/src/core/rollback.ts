import type { Instant } from "@muster/shared/clock.ts";
import { AppError } from "@muster/shared/errors.ts";
import { formatApp } from "@muster/shared/model/ids.ts";
import { steer } from "./advance-intent.ts";
import type { AuditEntry } from "./documents/audit-entry.ts";
import { type Intent, stageOf, targetRelease } from "./documents/intent.ts";
import { hasSameContent, type Release } from "./documents/release.ts";

type Releases = ReadonlyMap<number, Release>;
type Actor = AuditEntry["actor"];

/**
 * Finds the Release that `previous`, `rN` or the beginning of a commit names.
 * @throws AppError "invalid" (cannot be read, or a commit that is ambiguous), "not-found" (none, or no longer kept).
 */
export function resolveRelease(to: string, intent: Intent, releases: Releases): Release {
  const fix = `See what there is: muster app history ${formatApp(intent.app)}`;
  if (to === "previous") return previousRelease(intent, releases, fix);
  const numbered = /^r([1-9]\d{0,8})$/.exec(to);
  if (numbered) {
    const found = releases.get(Number(numbered[1]));
    if (found) return found;
    throw new AppError("not-found", `${formatApp(intent.app)} has no Release ${to}.`, { fix });
  }
  if (!/^[0-9a-f]{7,64}$/.test(to)) {
    throw new AppError(
      "invalid",
      `"${to}" names no Release: write previous, r<number> or a commit (7 digits or more).`,
      {
        fix,
      },
    );
  }
  const matches = [...releases.values()].filter((release) => release.input.commit.startsWith(to));
  const commits = new Set(matches.map((release) => release.input.commit));
  if (commits.size > 1) {
    throw new AppError("invalid", `${to} is the beginning of ${commits.size} commits.`, { fix: "Write more digits." });
  }
  const newest = matches.sort((a, b) => b.number - a.number)[0];
  if (newest) return newest;
  throw new AppError("not-found", `No Release of ${formatApp(intent.app)} was made from commit ${to}.`, { fix });
}

/** What was in force before the present Release and differs from it; one that was Healthy everywhere, if there is. */
function previousRelease(intent: Intent, releases: Releases, fix: string): Release {
  const currentNumber = targetRelease(intent);
  const current = currentNumber === null ? undefined : releases.get(currentNumber);
  const past = [...intent.history]
    .reverse()
    .map((entry) => ({ ...entry, found: releases.get(entry.release) }))
    .filter(({ found }) => found !== undefined && (current === undefined || !hasSameContent(found, current)));
  const chosen = (past.find((entry) => entry.completed) ?? past[0])?.found;
  if (chosen) return chosen;
  throw new AppError("not-found", `${formatApp(intent.app)} has run no other Release that is still kept.`, { fix });
}

/** The intent that holds an App at an earlier Release until Git says the same, or someone lifts the pin. */
export function rollBack(
  intent: Intent,
  input: { to: Release; reason: string; actor: Actor; revision: number; now: Instant },
): Intent {
  const { to, reason, actor, now } = input;
  const pin: Intent["pin"] = {
    release: to.number,
    by: actor.name,
    reason,
    since: now,
    fromRollback: true,
    revision: input.revision,
    newestRelease: stageOf(intent).candidate ?? to.number,
  };
  const reset: Intent["reset"] = { kind: "rollback", sequence: intent.sequence + 1 };
  const detail = `rolled back from r${targetRelease(intent) ?? "-"} to r${to.number}: ${reason}`;
  return steer({ ...intent, pin, reset }, { before: intent, now, audit: { actor, action: "AppRolledBack", detail } });
}

/** @throws AppError "conflict" when there is no pin. */
export function unpin(intent: Intent, input: { reason: string; actor: Actor; now: Instant }): Intent {
  const { reason, actor, now } = input;
  if (intent.pin === null) throw new AppError("conflict", `${formatApp(intent.app)} is not pinned.`);
  const reset: Intent["reset"] = { kind: "unpin", sequence: intent.sequence + 1 };
  const detail = `lifted the pin at r${intent.pin.release}: ${reason}`;
  return steer(
    { ...intent, pin: null, reset },
    { before: intent, now, audit: { actor, action: "AppUnpinned", detail } },
  );
}

/** The intent of a deleted App: every cluster gets a tombstone. Deleting twice is deleting once. */
export function deleteApp(intent: Intent, input: { action: "delete" | "keep"; actor: Actor; now: Instant }): Intent {
  const { action, actor, now } = input;
  if (intent.deletion !== null) return intent;
  const deletion = { action, by: actor.name, at: now };
  const detail = `deleted; objects in the clusters: ${action}`;
  return steer(
    { ...intent, deletion, pin: null },
    { before: intent, now, audit: { actor, action: "AppDeleted", detail } },
  );
}
