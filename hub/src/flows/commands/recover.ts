import { AppError } from "@muster/shared/errors.ts";
import { type AppUid, type ClusterId, formatApp } from "@muster/shared/model/ids.ts";
import { RECOVERY_CLUSTERS_MAX } from "../../core/documents/intent.ts";
import type { Operation } from "../../core/documents/operation.ts";
import { isAhead } from "../../core/fleet.ts";
import { selects } from "../../core/placement.ts";
import type { RecoverRequest } from "../../core/views.ts";
import type { HubState } from "../hub-state.ts";

export interface RecoverPlan {
  readonly apps: Operation["apps"];
  readonly recovered: { app: string; cluster: string }[];
}

/**
 * Which Apps and clusters a `recover` touches: those that are Ahead among the asked for. An App all of whose Ahead
 * clusters are meant is taken into the hub's epoch as a whole, so that clusters not seen since are covered too.
 */
export function planRecovery(state: HubState, request: RecoverRequest): RecoverPlan {
  const apps: Operation["apps"] = [];
  const recovered: RecoverPlan["recovered"] = [];
  for (const intent of state.intents.values()) {
    const { uid, project, name } = intent.app;
    if (intent.deletion !== null) continue;
    if (request.app && (request.app.project !== project || request.app.name !== name)) continue;
    const ahead = aheadOf(state, uid);
    const meant = ahead.filter(({ id }) => {
      const record = state.clusters.get(id);
      return record !== null && (request.clusters === undefined || selects(request.clusters, record));
    });
    if (meant.length === 0) continue;
    const isWhole = request.clusters === undefined;
    if (!isWhole && meant.length > RECOVERY_CLUSTERS_MAX) {
      throw new AppError(
        "too-large",
        `${meant.length} clusters of ${formatApp(intent.app)} are Ahead; name fewer, or all.`,
      );
    }
    const clusters = isWhole ? null : meant.map(({ id }) => id).sort();
    apps.push({ app: uid, clusters, above: Math.max(...meant.map(({ generation }) => generation)) });
    for (const { id } of meant)
      recovered.push({ app: formatApp(intent.app), cluster: state.clusters.get(id)?.name ?? id });
  }
  return { apps, recovered };
}

function aheadOf(state: HubState, app: AppUid): { id: ClusterId; generation: number }[] {
  const entries = state.entriesOf(app);
  return [...state.observedOf(app)].flatMap(([id, observed]) =>
    observed.ahead !== null && isAhead(entries.get(id) ?? null, observed)
      ? [{ id, generation: observed.ahead.generation }]
      : [],
  );
}
