import { describe, expect, it } from "vitest";
import { type BenchContext, defineBench, onlyParts } from "./define-bench.ts";
import { renderResults } from "./results-table.ts";
import { runBench } from "./run-bench.ts";

const origin = {
  commit: "abc1234",
  date: "2026-11-23T10:00:00.000Z",
  machine: "2 cores (Model), 24 GiB, Linux x64, Node 26.10.0",
  signal: new AbortController().signal,
  elapsedMs: () => 1500,
};
const benchOf = (run: (context: BenchContext) => void, timeoutMsMax?: number) =>
  defineBench({
    name: "planner",
    describe: "Plan a rollout",
    run: async (context) => run(context),
    ...(timeoutMsMax === undefined ? {} : { timeoutMsMax }),
  });

describe("runBench", () => {
  it("records figures with their goals", async () => {
    const bench = benchOf(({ figure, note }) => {
      figure("plan p50", { value: 300.4, unit: "ms", goal: { max: 300 } });
      figure("rate", { value: 1234567, unit: "plans/s", goal: { min: 1000 } });
      figure("memory", { value: 17.123456, unit: "MiB" });
      note("One warm-up run is left out.");
    });
    const result = await runBench(bench, origin);
    expect(result.figures).toEqual({
      "plan p50": { value: 300.4, unit: "ms", goal: { max: 300 }, met: false },
      rate: { value: 1234567, unit: "plans/s", goal: { min: 1000 }, met: true },
      memory: { value: 17.12, unit: "MiB", goal: null, met: null },
    });
    expect(renderResults([result])).toMatchInlineSnapshot(`
      "# Benchmarks

      Written by \`npm run bench -- --readme\` from [\`results/\`](results); do not edit. \`npm run bench -- --list\` names the
      benchmarks, \`npm run bench -- NAME\` runs one and records its result.

      ## planner

      Plan a rollout.

      | figure | value | goal | met |
      | --- | ---: | ---: | --- |
      | plan p50 | 300.4 ms | ≤ 300 ms | **no** |
      | rate | 1,234,567 plans/s | ≥ 1,000 plans/s | yes |
      | memory | 17.12 MiB |  |  |

      - One warm-up run is left out.

      Measured 2026-11-23 at \`abc1234\` on 2 cores (Model), 24 GiB, Linux x64, Node 26.10.0.
      "
    `);
  });

  it("judges before it rounds", async () => {
    const bench = benchOf(({ figure }) => figure("p50", { value: 300.01, unit: "ms", goal: { max: 300 } }));
    expect((await runBench(bench, origin)).figures.p50).toMatchObject({ value: 300, met: false });
  });

  it.each([
    [
      "a figure that is no number",
      ({ figure }: BenchContext) => figure("p50", { value: Number.NaN, unit: "ms" }),
      "NaN",
    ],
    ["no figure at all", () => {}, "recorded no figure"],
    [
      "a figure twice",
      ({ figure }: BenchContext) => {
        figure("p50", { value: 1, unit: "ms" });
        figure("p50", { value: 2, unit: "ms" });
      },
      "before",
    ],
  ])("refuses %s", async (_, run, message) => {
    await expect(runBench(benchOf(run), origin)).rejects.toThrow(message);
  });

  it("gives up when it is interrupted", async () => {
    const bench = benchOf(({ figure }) => figure("p50", { value: 1, unit: "ms" }));
    await expect(runBench(bench, { ...origin, signal: AbortSignal.abort() })).rejects.toThrow("aborted");
  });
});

it("refuses a name that is no file name", () => {
  expect(() => defineBench({ name: "Fan Out", describe: "", run: async () => {} })).toThrow("kebab-case");
});

it("says so when there is no result yet", () => {
  expect(renderResults([])).toContain("No result is recorded yet.");
});

describe("onlyParts", () => {
  const bench = defineBench({
    name: "parted",
    describe: "Two parts",
    parts: {
      first: async ({ figure }) => figure("first", { value: 1, unit: "ms" }),
      second: async ({ figure }) => figure("second", { value: 2, unit: "ms" }),
    },
  });
  const namesOf = async (chosen: typeof bench) => Object.keys((await runBench(chosen, origin)).figures);

  it("runs all parts in order, or those that are named", async () => {
    expect(await namesOf(bench)).toEqual(["first", "second"]);
    expect(await namesOf(onlyParts(bench, "second"))).toEqual(["second"]);
  });

  it("names the parts there are when one is unknown", () => {
    expect(() => onlyParts(bench, "third")).toThrow(/no part "third"; its parts: first, second/);
  });
});
