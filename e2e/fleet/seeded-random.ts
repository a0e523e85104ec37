export interface SeededRandom {
  readonly seed: number;
  /** `[0, 1)` */
  next(): number;
  /** Whole milliseconds in `[0, max)`. */
  upTo(max: number): number;
}

/** Mulberry32. The seed is `MUSTER_TEST_SEED` or new, and printed, so that a failing run can be had again. */
export function seededRandom(what: string): SeededRandom {
  const given = Number(process.env.MUSTER_TEST_SEED);
  const seed = Number.isInteger(given) && given > 0 ? given : Math.floor(Math.random() * 2 ** 31) + 1;
  console.log(`${what}: MUSTER_TEST_SEED=${seed}`);
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { seed, next, upTo: (max) => Math.floor(next() * max) };
}

/** How often a scenario with random moments is repeated: `short`, or `MUSTER_TEST_ROUNDS` for the long version. */
export const rounds = (short: number): number => Number(process.env.MUSTER_TEST_ROUNDS) || short;

/** A test's timeout, in milliseconds, that grows with its rounds. */
export const timeoutFor = (count: number, eachMs = 15_000): number => 120_000 + count * eachMs;
