import type { AssignedEntry } from "./documents/assigned.ts";
import { type Intent, stageOf } from "./documents/intent.ts";

/** How many of an App's newest Releases are kept where neither its definition nor the hub says it. */
export const RELEASE_HISTORY_LIMIT = 10;

/**
 * Which Releases of an App must stay: the newest `newestKept`, and whatever their number what is intended, pinned or
 * assigned, and what was before it.
 */
export function releasesToKeep(
  numbers: readonly number[],
  {
    intent,
    entries,
    newestKept,
  }: { readonly intent: Intent; readonly entries: Iterable<AssignedEntry>; readonly newestKept: number },
): ReadonlySet<number> {
  const newest = [...numbers].sort((a, b) => b - a).slice(0, newestKept);
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
