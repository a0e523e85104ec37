/** What a figure should reach: at most `max`, or at least `min`. */
export type Goal = { max: number } | { min: number };

/** One number that a benchmark found. `unit` is written as people read it: "ms", "MiB", "applies/s". */
export type Figure = { value: number; unit: string; goal: Goal | null; met: boolean | null };

export type BenchContext = {
  /** Records a number. A name is recorded once. */
  figure(name: string, found: { value: number; unit: string; goal?: Goal }): void;
  /** Adds a sentence to the result: what was measured, with what, and what it leaves out. */
  note(sentence: string): void;
  /** Aborted when time is up or the run is interrupted. Pass it on to whatever the benchmark waits for. */
  signal: AbortSignal;
};

export type Bench = {
  /** As in `npm run bench -- NAME`; the file is `NAME.bench.ts`. */
  name: string;
  /** One line for `--list` and the table. */
  describe: string;
  /** After this long `signal` is aborted. Default: 20 minutes. */
  timeoutMsMax?: number;
  run(context: BenchContext): Promise<void>;
  /** What `--only PART` runs alone; `run` runs them all, in this order. */
  parts?: Readonly<Record<string, Bench["run"]>>;
};

/**
 * The default export of a `*.bench.ts` file. Nothing runs when the file is loaded.
 *
 *     export default defineBench({
 *       name: "planner",
 *       describe: "Plan a rollout over 10,000 clusters",
 *       async run({ figure, note, signal }) {
 *         figure("plan p50", { value: 12.5, unit: "ms", goal: { max: 50 } });
 *       },
 *     });
 */
export function defineBench(bench: Bench | (Omit<Bench, "run"> & Required<Pick<Bench, "parts">>)): Bench {
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(bench.name)) throw new Error(`bench name "${bench.name}" is not kebab-case`);
  return "run" in bench ? bench : { ...bench, run: inTurn(Object.values(bench.parts)) };
}

/** The same benchmark with some of its parts only, separated by commas. @throws for a part that there is not. */
export function onlyParts(bench: Bench, names: string): Bench {
  const parts = bench.parts ?? {};
  const chosen = names.split(",").map((name) => {
    const part = Object.hasOwn(parts, name) ? parts[name] : undefined;
    if (part === undefined) {
      throw new Error(`${bench.name} has no part "${name}"; its parts: ${Object.keys(parts).join(", ") || "none"}`);
    }
    return part;
  });
  return { ...bench, run: inTurn(chosen) };
}

const inTurn =
  (parts: readonly Bench["run"][]): Bench["run"] =>
  async (context) => {
    for (const part of parts) {
      context.signal.throwIfAborted();
      await part(context);
    }
  };

export function isMet(value: number, goal: Goal): boolean {
  return "max" in goal ? value <= goal.max : value >= goal.min;
}
