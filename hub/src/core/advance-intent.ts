import type { Instant } from "@muster/shared/clock.ts";
import type { CommitId } from "@muster/shared/model/ids.ts";
import type { Epoch } from "@muster/shared/model/mark.ts";
import { type AuditEntry, HUB_ACTOR } from "./documents/audit-entry.ts";
import { INTENT_HISTORY_MAX, type Intent, stageOf, targetRelease } from "./documents/intent.ts";
import type { Release } from "./documents/release.ts";

/** The last good render of an App: which Revision, and what it gave. */
export interface Rendered {
  readonly commit: CommitId;
  readonly revision: number;
  /** Number of the Revision at which this commit was first seen: lower than `revision` for one that came back. */
  readonly firstSeen: number;
  /** Numbers of the kept Releases that give every cluster the same as this render. */
  readonly sameAs: readonly number[];
  /** In the epoch of this number, the commit is newer than the head found at the epoch's first fetch. */
  readonly freshIn: number | null;
}

export interface AdvanceFacts {
  readonly newest: Release | null;
  /** Null until something was rendered since the hub started. */
  readonly rendered: Rendered | null;
  readonly hubEpoch: Epoch;
  readonly now: Instant;
}

/** The intent after what Git brought, or null when there is nothing to change. */
export function advanceIntent(intent: Intent, facts: AdvanceFacts): Intent | null {
  if (intent.deletion !== null) return null;
  const { newest, rendered, hubEpoch, now } = facts;
  const stage = stageOf(intent);
  const isNew = newest !== null && newest.number > (stage.candidate ?? 0);
  const lifts = liftsPin(intent, facts);
  if (!isNew && !lifts) return null;

  const isFresh = isNew && rendered?.commit === newest.input.commit && rendered.freshIn === hubEpoch.number;
  const next: Intent = {
    ...intent,
    // Only a commit that is newer than the epoch takes the App into it: then clusters that are Ahead follow too.
    epoch: isFresh ? hubEpoch : intent.epoch,
    pin: lifts ? null : intent.pin,
    stages: [{ ...stage, candidate: isNew ? newest.number : stage.candidate }],
  };
  const detail = [
    ...(isNew ? [`r${newest.number} from commit ${newest.input.commit.slice(0, 7)}`] : []),
    ...(lifts ? [`Git met the pin at r${intent.pin?.release}: lifted`] : []),
  ].join("; ");
  return steer(next, { before: intent, now, audit: { actor: HUB_ACTOR, action: "AppAdvanced", detail } });
}

/** Only a pin made by a rollback, and only by a Revision first seen after it that renders to the pinned digest. */
function liftsPin({ pin }: Intent, { newest, rendered }: AdvanceFacts): boolean {
  if (pin === null || !pin.fromRollback || rendered === null) return false;
  // Until its Release is there, the one that would follow the pin is the very one that was rolled back.
  if (newest === null || !rendered.sameAs.includes(newest.number)) return false;
  return rendered.firstSeen > pin.revision && rendered.sameAs.includes(pin.release);
}

/**
 * Raises the sequence, as every change that steers assignments must, notes what is in force from now on, and puts the
 * audit entry in. Ids follow from the sequence, so that a write repeated after a crash makes no second entry.
 */
export function steer(
  next: Intent,
  { before, now, audit }: { before: Intent; now: Instant; audit: Pick<AuditEntry, "actor" | "action" | "detail"> },
): Intent {
  const sequence = before.sequence + 1;
  const target = targetRelease(next);
  const stage = stageOf(next);
  const isMoved = target !== null && target !== stageOf(before).current;
  const { uid, project, name } = next.app;
  const entry: AuditEntry = {
    id: `app.${uid}.${sequence}`,
    at: now,
    ...audit,
    subject: `app ${project}/${name}`,
    detail: audit.detail.slice(0, 2_000),
  };
  return {
    ...next,
    sequence: Math.max(sequence, next.sequence),
    stages: [{ ...stage, current: target }],
    history: isMoved
      ? [...next.history, { release: target, since: now, completed: false }].slice(-INTENT_HISTORY_MAX)
      : next.history,
    audit: [...next.audit, entry],
  };
}

/** Notes that a Release was reported Healthy everywhere. Steers nothing, so the sequence stays. */
export function complete(intent: Intent, release: number): Intent {
  return {
    ...intent,
    stages: [{ ...stageOf(intent), completed: release }],
    history: intent.history.map((past, index) =>
      past.release === release && index === intent.history.length - 1 ? { ...past, completed: true } : past,
    ),
  };
}
