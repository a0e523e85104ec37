import { describe, expect, it } from "vitest";
import { type Closure, RENDER_LIMITS, type RenderJob } from "../../../ports/renderer.ts";
import { MemoryTree } from "../../../testing/memory-tree.ts";
import { helmOptions, requestOf } from "../../../testing/render-through.ts";
import { placeCharts } from "./chart-layout.ts";
import { traceChart } from "./trace-chart.ts";

type Files = Readonly<Record<string, string>>;

const chart = (name: string, ...dependencies: string[]): string =>
  `apiVersion: v2\nname: ${name}\nversion: 1.0.0\ndependencies: [${dependencies.join(", ")}]\n`;
const on = (name: string, at: string, more = ""): string =>
  `{name: ${name}, version: 1.0.0, repository: 'file://${at}'${more}}`;

const trace = (files: Files) => traceChart(requestOf(helmOptions()), new Map([["", new MemoryTree(files)]]));

async function jobOf(files: Files): Promise<RenderJob> {
  const traced = await trace(files);
  if (traced.kind === "invalid") throw new Error(JSON.stringify(traced.problems));
  const toFile = (file: Closure["files"][number]) => ({ ...file, bytes: Buffer.from(files[file.path] ?? "") });
  return {
    request: requestOf(helmOptions()),
    files: traced.closure.files.map(toFile),
    chart: null,
    limits: RENDER_LIMITS,
  };
}

const placed = async (files: Files): Promise<string[]> =>
  placeCharts(await jobOf(files))
    .map(({ path }) => path)
    .sort();

describe("charts of the same repository", () => {
  it("are put into charts/ once, under however many aliases", async () => {
    const files = {
      "app/Chart.yaml": chart("app", on("db", "../db", ", alias: main"), on("db", "../db", ", alias: other")),
      "db/Chart.yaml": chart("db"),
    };
    expect(await placed(files)).toEqual(["Chart.yaml", "charts/db/Chart.yaml"]);
  });

  it("have folders of their own where two are of one name", async () => {
    const files = {
      "app/Chart.yaml": chart("app", on("db", "../db"), on("db", "../old-db")),
      "db/Chart.yaml": chart("db"),
      "old-db/Chart.yaml": chart("db"),
    };
    expect(await placed(files)).toEqual(["Chart.yaml", "charts/db-2/Chart.yaml", "charts/db/Chart.yaml"]);
  });

  it("are not read without end where each depends on several others", async () => {
    const each = (level: number): string[] =>
      Array.from({ length: 10 }, (_, index) => on(`dep-${index}`, `../l${level + 1}`));
    const levels = Array.from({ length: 8 }, (_, level) => [
      `l${level}/Chart.yaml`,
      chart(`l${level}`, ...(level < 7 ? each(level) : [])),
    ]);
    const files = { "app/Chart.yaml": chart("app", on("l0", "../l0")), ...Object.fromEntries(levels) };
    const traced = await trace(files);
    expect(traced).toMatchObject({
      kind: "invalid",
      problems: [{ code: "RenderFailed", message: expect.stringMatching(/more than 100/) }],
    });
  });

  it("are refused where their copies would be more than a render may read", async () => {
    const many = Array.from({ length: 60 }, (_, index) => on(`dep-${index}`, "../big"));
    const files = Array.from({ length: 100 }, (_, index) => [`big/files/${index}`, String(index)]);
    const job = await jobOf({
      "app/Chart.yaml": chart("app", ...many),
      "big/Chart.yaml": chart("big"),
      ...Object.fromEntries(files),
    });
    expect(() => placeCharts(job)).toThrow(/more than a render may read/);
  });
});
