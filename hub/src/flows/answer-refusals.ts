import { type AppUid, type ClusterId, formatApp } from "@muster/shared/model/ids.ts";
import { APPROVAL_NAMES_MAX, type Approval, agentKey, approvalPairsKey } from "../core/documents/approval.ts";
import { isCurrent } from "../core/fleet.ts";
import type { HubState } from "./hub-state.ts";
import type { ApprovalBook } from "./keep-approvals.ts";

export interface Refusals {
  /** Asks a person about what agents refused to delete of an App, and closes what need not be asked any more. */
  look(app: AppUid): Promise<void>;
  /** By whose approval agents that refused may go on. */
  approvalsOf(app: AppUid): ReadonlyMap<ClusterId, string>;
}

/**
 * Agents count again what they are about to delete, on what is really there: a cluster that was away for many Releases
 * has more to prune than any of them drops. What they refused waits for a person, and goes on with a new assignment
 * that carries the approval.
 */
export function answerRefusals({
  state,
  approvals,
}: {
  readonly state: HubState;
  readonly approvals: ApprovalBook;
}): Refusals {
  const openOf = (app: AppUid): Approval[] => {
    const key = agentKey(app);
    return [...state.approvals.values()].filter((one) => one.key === key && one.closed === null);
  };
  const namedBy = ({ id, parts }: Approval): ReadonlySet<ClusterId> => {
    const named = new Set<ClusterId>();
    for (let part = 0; part < parts; part += 1) {
      for (const { clusters } of state.approvalPairs.get(approvalPairsKey(id, part))?.apps ?? []) {
        for (const cluster of clusters) named.add(cluster);
      }
    }
    return named;
  };

  /** Of the assignment in force, and not approved yet. */
  function refusedBy(app: AppUid): ClusterId[] {
    const refused: ClusterId[] = [];
    for (const [cluster, { report }] of state.observedOf(app)) {
      if (report?.needsApproval !== true || state.clusters.get(cluster)?.revoked !== null) continue;
      const entry = state.entriesOf(app).get(cluster);
      if (entry === undefined || !isCurrent(report, entry) || entry.content.removal?.approval != null) continue;
      refused.push(cluster);
    }
    return refused.sort();
  }

  async function look(app: AppUid): Promise<void> {
    const open = openOf(app);
    let waiting = refusedBy(app);
    if (open.length === 0 && waiting.length === 0) return;
    const changes = state.appByUid(app)?.changes ?? 0;
    let pending: Approval | null = null;
    for (const approval of open) {
      const named = namedBy(approval);
      const isLeft = waiting.some((cluster) => named.has(cluster));
      const { id, state: as } = approval;
      if (as === "pending") {
        pending = approval;
        continue;
      }
      const holds = as === "granted" || changesOf(approval) === changes;
      if (isLeft && holds) waiting = waiting.filter((cluster) => !named.has(cluster));
      else if (as === "granted") {
        await approvals.close({ id, as: "used", reason: "The agents it named got it, or hold nothing back any more." });
      } else await approvals.close({ id, as: "denied", reason: "What it named is another matter by now." });
    }
    if (pending !== null) {
      const named = namedBy(pending);
      if (waiting.length > 0 && waiting.every((cluster) => named.has(cluster))) return;
      const reason = waiting.length > 0 ? "More agents hold back deletions by now." : "No agent holds anything back.";
      await approvals.close({ id: pending.id, as: "withdrawn", reason });
    }
    if (waiting.length > 0) await ask(app, waiting, changes);
  }

  const changesOf = ({ id }: Approval): number | undefined =>
    state.approvalPairs.get(approvalPairsKey(id, 0))?.apps[0]?.changes;

  async function ask(app: AppUid, clusters: readonly ClusterId[], changes: number): Promise<void> {
    const identity = state.intents.get(app)?.app;
    if (identity === undefined) return;
    const { project, name } = identity;
    const names = clusters.map((id) => state.clusters.get(id)?.name ?? id).sort();
    const who = names.length === 1 ? `${names[0]} holds` : `${names.length} clusters hold`;
    await approvals.ask({
      kind: "agent",
      key: agentKey(app),
      what: `${who} back deletions of ${formatApp({ project, name })}: more objects than may go unasked`,
      why: `See which: muster why ${formatApp({ project, name })} --cluster ${names[0]}`,
      askedBy: null,
      pairs: clusters.length,
      objects: 0,
      apps: [
        { uid: app, project, name, pairs: clusters.length, objects: 0, clusters: names.slice(0, APPROVAL_NAMES_MAX) },
      ],
      named: clusters.map((cluster) => ({ app, cluster, changes })),
    });
  }

  return {
    look,
    approvalsOf(app) {
      const granted = new Map<ClusterId, string>();
      for (const approval of openOf(app)) {
        if (approval.state !== "granted") continue;
        for (const cluster of namedBy(approval)) granted.set(cluster, approval.id);
      }
      return granted;
    },
  };
}
