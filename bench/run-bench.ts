import { type Bench, type Figure, isMet } from "./define-bench.ts";

/** What `bench/results/NAME.json` holds. */
export type BenchResult = {
  name: string;
  describe: string;
  commit: string;
  date: string;
  machine: string;
  durationSeconds: number;
  figures: Record<string, Figure>;
  notes: string[];
};

const timeoutMsDefault = 20 * 60_000;

/** Runs a benchmark and answers its result. `origin` says where and when, so that this stays free of the machine. */
export async function runBench(
  bench: Bench,
  origin: {
    commit: string;
    date: string;
    machine: string;
    signal: AbortSignal;
    elapsedMs: () => number;
    onFigure?: (name: string, figure: Figure) => void;
  },
): Promise<BenchResult> {
  const figures: Record<string, Figure> = {};
  const notes: string[] = [];
  const signal = AbortSignal.any([origin.signal, AbortSignal.timeout(bench.timeoutMsMax ?? timeoutMsDefault)]);
  await bench.run({
    figure(name, { value, unit, goal }) {
      if (!Number.isFinite(value)) throw new Error(`${bench.name}: "${name}" is ${value}, not a number to publish`);
      if (name in figures) throw new Error(`${bench.name}: "${name}" was recorded before`);
      figures[name] = {
        value: rounded(value),
        unit,
        goal: goal ?? null,
        // Judged before rounding: 300.4 does not meet a maximum of 300.
        met: goal === undefined ? null : isMet(value, goal),
      };
      origin.onFigure?.(name, figures[name]);
    },
    note(sentence) {
      notes.push(sentence);
    },
    signal,
  });
  signal.throwIfAborted();
  const { commit, date, machine } = origin;
  if (Object.keys(figures).length === 0) throw new Error(`${bench.name} recorded no figure`);
  return {
    name: bench.name,
    describe: bench.describe,
    commit,
    date,
    machine,
    durationSeconds: rounded(origin.elapsedMs() / 1000),
    figures,
    notes,
  };
}

/** Four significant digits, and whole numbers as they are: more would claim more than was measured. */
function rounded(value: number): number {
  return Number.isInteger(value) ? value : Number(value.toPrecision(4));
}
