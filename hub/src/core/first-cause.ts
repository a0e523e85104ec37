import { formatObject } from "@muster/shared/model/object-ref.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import type { AppFacts, PlacementFacts } from "./app-facts.ts";
import type { ReportDetail } from "./documents/observed.ts";
import { placementState } from "./fleet.ts";

/** What goes wrong on most of an App's failing clusters, in the agents' own short words. */
export interface FirstCause {
  readonly message: string;
  /** Where it is so, by name; never empty. */
  readonly placements: readonly [PlacementFacts, ...PlacementFacts[]];
}

export const isFailing = ({ entry, observed }: PlacementFacts): boolean =>
  ["Failed", "Refused", "Unhealthy"].includes(placementState(entry, observed));

/** The most common message of the clusters that fail; of two as common, the one that is met first. Null: none fails. */
export function firstCause({ placements }: Pick<AppFacts, "placements">): FirstCause | null {
  const groups = new Map<string, [PlacementFacts, ...PlacementFacts[]]>();
  for (const placement of placements) {
    if (!isFailing(placement)) continue;
    const message = placement.observed?.report?.message ?? "";
    const group = groups.get(message);
    if (group === undefined) groups.set(message, [placement]);
    else group.push(placement);
  }
  const [most] = [...groups].sort(([, a], [, b]) => b.length - a.length);
  return most === undefined ? null : { message: most[0], placements: most[1] };
}

/** The cause in full and what to do, from the details of a report where they are there, else from its short words. */
export function tellCause(short: string, detail: ReportDetail | null): { message: string; fix: string | null } {
  const problem = detail?.problems[0];
  if (problem !== undefined) return { message: withObject(problem), fix: problem.fix ?? null };
  const worst = detail?.objects.find(({ health, sync }) => health !== "Healthy" || sync !== "Synced");
  if (worst === undefined || short === "") return { message: short, fix: null };
  return { message: `${formatObject(worst.ref)}: ${worst.message || worst.health}`, fix: null };
}

function withObject({ message, where }: Problem): string {
  if (where.object === undefined) return message;
  const object = formatObject(where.object);
  return message.startsWith(object) ? message : `${object}: ${message}`;
}

/** `apps/shop/cm.yaml:7 (commit b91da93, document 1): "kind" is missing.`, as the command line shows problems. */
export function placed({ message, where }: Problem): string {
  if (where.path === undefined || message.startsWith(where.path)) return message;
  const details = [
    where.commit === undefined ? [] : [`commit ${where.commit.slice(0, 7)}`],
    where.document === undefined ? [] : [`document ${where.document}`],
  ].flat();
  const file = where.line === undefined ? where.path : `${where.path}:${where.line}`;
  return `${file}${details.length === 0 ? "" : ` (${details.join(", ")})`}: ${message}`;
}
