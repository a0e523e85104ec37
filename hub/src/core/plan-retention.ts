import type { AssignedEntry } from "./documents/assigned.ts";
import { type Intent, stageOf } from "./documents/intent.ts";

export const RELEASES_KEPT_MIN = 10;

/** Which Releases of an App must stay: the newest ten, what is intended, pinned or assigned, and what was before it. */
export function releasesToKeep(
  numbers: readonly number[],
  intent: Intent,
  entries: Iterable<AssignedEntry>,
): ReadonlySet<number> {
  const newest = [...numbers].sort((a, b) => b - a).slice(0, RELEASES_KEPT_MIN);
  const stage = stageOf(intent);
  const keep = new Set<number | null>([...newest, stage.current, stage.candidate, stage.completed]);
  keep.add(intent.pin?.release ?? null);
  for (const { content, history } of entries) {
    if (content.kind === "run") keep.add(content.release);
    // An agent that is behind may still be fetching the bundle of the one before.
    for (const former of history) keep.add(former.release);
  }
  return new Set(numbers.filter((number) => keep.has(number)));
}
