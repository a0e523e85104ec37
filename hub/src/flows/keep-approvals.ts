import type { Clock } from "@muster/shared/clock.ts";
import type { Log } from "@muster/shared/log.ts";
import type { AppUid, ClusterId } from "@muster/shared/model/ids.ts";
import { describeRemoval, type RemovalNames } from "../core/describe-removal.ts";
import {
  APPROVAL_PAIRS_MAX,
  APPROVALS_CLOSED_MAX,
  type Approval,
  type ApprovalPairs,
  approvalPairsKey,
} from "../core/documents/approval.ts";
import { HUB_ACTOR } from "../core/documents/audit-entry.ts";
import type { Ask, LeavingPair, RemovalPlan, StandingApproval } from "../core/removal-brake.ts";
import type { AuditDrain } from "./drain-audit.ts";
import type { HubState } from "./hub-state.ts";
import type { LeavingPairs } from "./leaving-pairs.ts";

/** What is to be asked; counts and names as they are shown. */
export type NewApproval = Pick<Approval, "kind" | "key" | "what" | "why" | "askedBy" | "pairs" | "objects" | "apps"> & {
  readonly passedBefore?: number;
  readonly release?: number | null;
  /** Exactly what it names, when that is to be remembered. */
  readonly named?: readonly Pick<LeavingPair, "app" | "cluster" | "changes">[];
};

/** Asks people, and closes what they need not be asked any more: the documents behind `muster approval list`. */
export interface ApprovalBook {
  /** Resolves with the approval's id. */
  ask(input: NewApproval): Promise<string>;
  close(input: RemovalPlan["close"][number]): Promise<void>;
  /** Drops what was closed long ago. */
  forget(): Promise<void>;
}

export function createApprovalBook({
  state,
  audit,
  clock,
  newId,
  log,
}: {
  readonly state: HubState;
  readonly audit: AuditDrain;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly log: Log;
}): ApprovalBook {
  async function ask(input: NewApproval): Promise<string> {
    const { passedBefore = 0, release = null, named = [], ...told } = input;
    const id = `ap-${newId().slice(0, 8)}`;
    const parts = partsOf(id, named);
    // What it names comes first: an approval that can be granted names all of it.
    for (const [part, value] of parts.entries()) {
      await state.approvalPairs.write(approvalPairsKey(id, part), () => value);
    }
    const now = clock.now();
    const by = told.askedBy === null ? "" : `, by ${told.askedBy}`;
    const entry = { id: `approval.${id}.asked`, at: now, actor: HUB_ACTOR, action: "ApprovalAsked" };
    const made: Approval = {
      id,
      state: "pending",
      ...told,
      what: told.what.slice(0, 500),
      why: told.why.slice(0, 1_000),
      passedBefore,
      release,
      parts: parts.length,
      created: now,
      decided: null,
      closed: null,
      audit: [{ ...entry, subject: `approval ${id}`, detail: `${told.what}${by}: ${told.why}`.slice(0, 2_000) }],
    };
    await state.approvals.write(id, () => made);
    log.warn({ approval: id, kind: told.kind, pairs: told.pairs, objects: told.objects }, "waits for approval");
    return id;
  }

  async function close({ id, as, reason }: RemovalPlan["close"][number]): Promise<void> {
    const from = { withdrawn: "pending", used: "granted", denied: "denied" }[as];
    const now = clock.now();
    const closed = await state.approvals.write(id, (current) => {
      // Decided in this very moment: looked at again.
      if (current === null || current.closed !== null || current.state !== from) return null;
      const action = { withdrawn: "ApprovalWithdrawn", used: "ApprovalUsed", denied: "ApprovalClosed" }[as];
      const entry = { id: `approval.${id}.closed`, at: now, actor: HUB_ACTOR, action, subject: `approval ${id}` };
      return {
        ...current,
        state: as,
        closed: { at: now, reason },
        audit: [...current.audit, { ...entry, detail: reason }],
      };
    });
    if (closed?.closed == null) return;
    log.info({ approval: id, as, reason }, "approval closed");
    for (let part = 0; part < closed.parts; part += 1) await state.approvalPairs.remove(approvalPairsKey(id, part));
  }

  /** What was closed long ago, and pairs of approvals that were never asked for since the hub was killed before. */
  async function forget(): Promise<void> {
    for (const [key, { approval }] of [...state.approvalPairs.entries()]) {
      if (state.approvals.get(approval) === null) await state.approvalPairs.remove(key);
    }
    const closed = [...state.approvals.values()].filter((one) => one.closed !== null);
    if (closed.length <= APPROVALS_CLOSED_MAX) return;
    await audit.flush();
    const oldest = closed.sort((one, other) => (one.closed?.at ?? 0) - (other.closed?.at ?? 0));
    for (const { id } of oldest.slice(0, closed.length - APPROVALS_CLOSED_MAX)) await state.approvals.remove(id);
  }

  return { ask, close, forget };
}

/** What was asked about removals, as the brake needs it. */
export function createRemovalApprovals(
  { state, book }: { readonly state: HubState; readonly book: ApprovalBook },
  leaving: LeavingPairs,
  names: RemovalNames,
) {
  let known: readonly StandingApproval[] | null = null;
  state.approvals.onChange(() => {
    known = null;
  });
  state.approvalPairs.onChange(() => {
    known = null;
  });

  async function ask({ key, pairs, reason, passedBefore, replaces }: Ask): Promise<void> {
    const { because, ...told } = describeRemoval(pairs, names);
    const why = `${because} ${upperFirst(reason)}.`;
    const askedBy = leaving.by(pairs);
    const id = await book.ask({ kind: "removal", key, ...told, why, askedBy, passedBefore, named: pairs });
    if (replaces !== null) {
      const instead = `More is to go by now: ${id} is asked for instead.`;
      await book.close({ id: replaces, as: "withdrawn", reason: instead });
    }
  }

  return {
    /** Those that steer something. */
    standing(): readonly StandingApproval[] {
      known ??= [...state.approvals.values()]
        .filter(({ kind, closed }) => kind === "removal" && closed === null)
        .sort((one, other) => other.created - one.created)
        .map((one) => standingOf(one, partsStored(one)));
      return known;
    },

    async carryOut(plan: Pick<RemovalPlan, "asks" | "close">): Promise<void> {
      for (const one of plan.asks) await ask(one);
      for (const one of plan.close) await book.close(one);
      await book.forget();
    },
  };

  function partsStored({ id, parts }: Approval): ApprovalPairs[] {
    return Array.from({ length: parts }, (_, part) => state.approvalPairs.get(approvalPairsKey(id, part))).flatMap(
      (part) => part ?? [],
    );
  }
}

function standingOf(approval: Approval, parts: readonly ApprovalPairs[]): StandingApproval {
  const pairs = new Map<AppUid, { changes: number; clusters: Set<ClusterId> }>();
  for (const { apps } of parts) {
    for (const { uid, changes, clusters } of apps) {
      const ofApp = pairs.get(uid) ?? { changes, clusters: new Set<ClusterId>() };
      for (const cluster of clusters) ofApp.clusters.add(cluster);
      pairs.set(uid, ofApp);
    }
  }
  const { id, key, created, passedBefore } = approval;
  const state = approval.state === "granted" || approval.state === "denied" ? approval.state : "pending";
  return { id, key, state, created, passedBefore, pairs };
}

function partsOf(
  approval: string,
  pairs: readonly Pick<LeavingPair, "app" | "cluster" | "changes">[],
): ApprovalPairs[] {
  const parts: ApprovalPairs[] = [];
  for (let from = 0; from < pairs.length; from += APPROVAL_PAIRS_MAX) {
    const apps = new Map<AppUid, ApprovalPairs["apps"][number]>();
    for (const { app, cluster, changes } of pairs.slice(from, from + APPROVAL_PAIRS_MAX)) {
      const ofApp = apps.get(app) ?? { uid: app, changes, clusters: [] };
      ofApp.clusters.push(cluster);
      apps.set(app, ofApp);
    }
    parts.push({ approval, apps: [...apps.values()] });
  }
  return parts;
}

const upperFirst = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
