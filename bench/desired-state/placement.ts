import { place } from "@muster/hub/core/placement.ts";
import type { BenchContext } from "../define-bench.ts";
import { fleetOf, selectorOf } from "./fleet-of.ts";

const CLUSTERS = 10_000;
const APPS = 100;
const ROUNDS = 10;

/** Who gets what, over a whole fleet. */
export async function measurePlacement({ figure, note, signal }: BenchContext): Promise<void> {
  const clusters = fleetOf(CLUSTERS);
  const selectors = Array.from({ length: APPS }, (_, index) => selectorOf(index));
  const took: number[] = [];
  let pairs = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    signal.throwIfAborted();
    const began = performance.now();
    pairs = 0;
    for (const selector of selectors) pairs += place(selector, clusters).length;
    took.push(performance.now() - began);
  }
  figure("placement of 100 Apps over 10,000 clusters", { value: Math.max(...took), unit: "ms", goal: { max: 1_000 } });
  note(
    `Placement: selectors by name, label, expression, exclusion and of all clusters give ${pairs.toLocaleString("en-US")} of ${(CLUSTERS * APPS).toLocaleString("en-US")} pairs. The slowest of ${ROUNDS} rounds, the first of which runs code that is not compiled yet.`,
  );
}
