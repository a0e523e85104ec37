import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import type { Schemas } from "./hub-api.ts";

/** Looks at what is assigned for as long as a scenario lasts, through every crash in between. */
export interface GenerationWatch {
  /** Notes one more view, for one that must not be missed. */
  note(detail: Schemas["AppDetail"]): void;
  /** @throws when a generation was seen with two contents, or one went down. Answers how many were seen. */
  stop(): Promise<number>;
}

/** `look` may fail: then the hub is down, and it is asked again. */
export function watchGenerations(look: () => Promise<readonly Schemas["AppDetail"][]>): GenerationWatch {
  const seen = new Map<string, string>();
  const highest = new Map<string, number>();
  const wrong: string[] = [];
  let isStopped = false;

  const note = (detail: Schemas["AppDetail"]) => {
    for (const { cluster, assigned } of detail.placements) {
      if (assigned === null) continue;
      const place = `${detail.uid} on ${cluster}`;
      const key = `${place} at generation ${assigned.generation}`;
      const content = `r${assigned.release} ${assigned.digest}`;
      const known = seen.get(key);
      if (known !== undefined && known !== content) wrong.push(`${key} was ${known} and then ${content}`);
      seen.set(key, content);
      const before = highest.get(place) ?? 0;
      if (assigned.generation < before) wrong.push(`${place} went from generation ${before} to ${assigned.generation}`);
      highest.set(place, Math.max(before, assigned.generation));
    }
  };
  const looking = (async () => {
    while (!isStopped) {
      try {
        for (const detail of await look()) note(detail);
      } catch {
        // It is being killed just now.
      }
      await delay(15);
    }
  })();
  return {
    note,
    stop: async () => {
      isStopped = true;
      await looking;
      expect(wrong).toEqual([]);
      return seen.size;
    },
  };
}
