import { expect, test } from "vitest";
import { describeFleet } from "../fleet/describe-fleet.ts";
import { eventually, throughout } from "../fleet/eventually.ts";
import type { FleetApp } from "../fleet/fleet-app.ts";
import type { Schemas } from "../fleet/hub-api.ts";
import { configMap } from "../fleet/manifests.ts";
import type { Changes } from "../forge/working-copy.ts";

interface BrokenCommit {
  readonly what: string;
  readonly files: Changes;
  readonly code: Schemas["Problem"]["code"];
  /** Below the App's directory. */
  readonly file: string;
  readonly line?: number;
  readonly message: RegExp;
}

const lines = (...text: string[]): string => `${text.join("\n")}\n`;
const large = `# ${"x".repeat(1_000)}\n`.repeat(5_000);

/** Nine levels of ten aliases each: a few hundred bytes that stand for a thousand million texts. */
const aliasBomb = lines(
  "apiVersion: v1",
  "kind: ConfigMap",
  "metadata: { name: bomb }",
  'a0: &a0 ["lol","lol","lol","lol","lol","lol","lol","lol","lol","lol"]',
  ...Array.from({ length: 9 }, (_, level) => {
    const alias = `*a${level}`;
    return `a${level + 1}: &a${level + 1} [${Array(10).fill(alias).join(",")}]`;
  }),
);

const brokenCommits: readonly BrokenCommit[] = [
  {
    what: "invalid YAML",
    files: { "broken.yaml": lines("apiVersion: v1", "kind: ConfigMap", "metadata: {name: a", "data: {}") },
    code: "InvalidYaml",
    file: "broken.yaml",
    line: 4,
    message: /./,
  },
  {
    what: "an object without kind",
    files: { "kindless.yaml": lines("apiVersion: v1", "metadata:", "  name: a") },
    code: "KindMissing",
    file: "kindless.yaml",
    line: 1,
    message: /"kind" is missing/,
  },
  {
    what: "two files with one object",
    files: {
      "first.yaml": configMap("twice"),
      "second.yaml": lines("# the same once more", "apiVersion: v1", "kind: ConfigMap", "metadata:", "  name: twice"),
    },
    code: "DuplicateObject",
    file: "second.yaml",
    line: 2,
    message: /first\.yaml/,
  },
  {
    what: "a file over the limits",
    files: { "large.yaml": large },
    code: "FileTooLarge",
    file: "large.yaml",
    message: /large|MiB|bytes/,
  },
  {
    what: "an alias bomb",
    files: { "bomb.yaml": aliasBomb },
    code: "TooManyAliases",
    file: "bomb.yaml",
    message: /alias/,
  },
];

await describeFleet("a broken commit", {}, ({ fleet }) => {
  test.each(brokenCommits)("$what: told with its file and rule; the last good release stays", async (broken) => {
    const app = await fleet().newApp("broken", { files: { "good.yaml": configMap("good", { step: "1" }) } });
    const before = await app.released(await app.copy.head());

    const commit = await app.push({ ...broken.files, "good.yaml": configMap("good", { step: "2" }) });
    const problem = await problemOf(app, broken.code);
    const path = `${app.path}/${broken.file}`;
    expect(problem).toMatchObject({
      message: expect.stringMatching(broken.message),
      where: { commit, path, ...(broken.line === undefined ? {} : { line: broken.line }) },
    });
    // The repository's owner looks at the Source first.
    const source = await fleet().hub.api.source(app.name);
    expect(source.problems).toContainEqual(expect.objectContaining({ code: broken.code, where: problem.where }));

    await staysAsItWas(app, before);
    for (const { cluster } of fleet().members) expect(await app.data(cluster, "good")).toEqual({ step: "1" });
    expect(await fleet().hub.api.why(app.name)).toMatchObject({
      reason: "RenderFailing",
      message: expect.stringContaining(`stays at r${before.release?.number}`),
    });

    const removal: Changes = Object.fromEntries(Object.keys(broken.files).map((file) => [file, null]));
    const mended = await app.released(await app.push(removal, "Mend it"));
    expect(mended.problems).toEqual([]);
    expect((await fleet().hub.api.source(app.name)).problems).toEqual([]);
    for (const { cluster } of fleet().members) expect(await app.data(cluster, "good")).toEqual({ step: "2" });
  });

  test("one broken App holds up no other", async () => {
    const broken = await fleet().newApp("broken", { files: { "a.yaml": "kind: [\n" } });
    await problemOf(broken, "InvalidYaml");
    const fine = await fleet().newApp("fine", { files: { "a.yaml": configMap("a") } });
    await fine.released(await fine.copy.head());
    expect((await broken.detail()).placements.map(({ assigned }) => assigned)).toEqual([null, null]);
  });
});

await describeFleet("an App whose directory became empty", { clusters: 1 }, ({ fleet }) => {
  test.each([
    ["is gone", { "a.yaml": null }, "PathNotFound"],
    ["holds no manifest any more", { "a.yaml": null, "README.md": "nothing here\n" }, "NothingRendered"],
    ["holds comments only", { "a.yaml": "# nothing here\n" }, "NothingRendered"],
  ] as const)("when it %s, nothing is deleted, and it says how to mean it", async (_, change, code) => {
    const app = await fleet().newApp("empty", { files: { "a.yaml": configMap("a") } });
    const before = await app.released(await app.copy.head());
    await app.push(change);
    const problem = await problemOf(app, code);
    expect(problem.message).toMatch(/[Nn]othing is deleted/);
    expect(problem.fix).toContain("muster delete app");
    await staysAsItWas(app, before);
    for (const { cluster } of fleet().members) expect(await app.owned(cluster)).toEqual(["a"]);
  });
});

async function problemOf(app: FleetApp, code: Schemas["Problem"]["code"]): Promise<Schemas["Problem"]> {
  return eventually(async () => {
    const { problems } = await app.detail();
    expect(problems.map((problem) => problem.code)).toContain(code);
    return problems.find((problem) => problem.code === code) as Schemas["Problem"];
  });
}

async function staysAsItWas(app: FleetApp, before: Schemas["AppDetail"]): Promise<void> {
  const placed = (detail: Schemas["AppDetail"]) =>
    detail.placements.map(({ cluster, assigned }) => ({ cluster, assigned }));
  await throughout(300, async () => expect(placed(await app.detail())).toEqual(placed(before)));
}
