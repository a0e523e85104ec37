import { expect, test } from "vitest";
import type { ObjectState } from "./app-book.ts";
import { nextHeal } from "./heal-drift.ts";

test("who undoes every heal is healed ever more slowly, up to five minutes, and at once again after a quiet while", () => {
  let now = 1_000_000;
  let heals: ObjectState["heals"] = null;
  const waits: number[] = [];
  for (let i = 0; i < 40; i++) {
    heals = nextHeal(heals, now, () => 1);
    waits.push(heals.notBefore - now);
    now = heals.notBefore + 10;
  }
  expect(waits.slice(0, 19).every((wait) => wait === 0)).toBe(true);
  expect(waits.slice(19, 24)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000]);
  expect(Math.max(...waits)).toBe(300_000);
  expect(nextHeal(heals, now + 20 * 60_000, () => 1).notBefore).toBe(now + 20 * 60_000);
});

test("somebody who edits now and then is healed at once every time", () => {
  let heals: ObjectState["heals"] = null;
  for (let i = 0; i < 100; i++) {
    const now = i * 61_000;
    heals = nextHeal(heals, now, () => 1);
    expect(heals.notBefore).toBe(now);
  }
});
