// Proves that every import wall stands: a small tree with one import per row is cruised with the real rules, and each
// import must be refused by exactly the rules named, or by none.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findRefusals, type Refusal, wallNames } from "./walls.ts";

type Case = { from: string; imports: string; refusedBy: string | null };

const shared = (path: string) => `@muster/shared/${path}`;
const hub = (path: string) => `@muster/hub/${path}`;
const agent = (path: string) => `@muster/agent/${path}`;

const cases: Case[] = [
  { from: "hub/src/core/a.ts", imports: "./target.ts", refusedBy: null },
  { from: "hub/src/core/a.ts", imports: shared("model/cluster.ts"), refusedBy: null },
  { from: "hub/src/core/a.ts", imports: "zod", refusedBy: null },
  { from: "hub/src/core/a.ts", imports: "../ports/git.ts", refusedBy: "core-imports-only-core-and-shared-nouns" },
  { from: "hub/src/core/a.ts", imports: "../flows/target.ts", refusedBy: "core-imports-only-core-and-shared-nouns" },
  {
    from: "hub/src/core/a.ts",
    imports: "../adapters/metrics.ts",
    refusedBy: "core-imports-only-core-and-shared-nouns",
  },
  { from: "hub/src/core/a.ts", imports: shared("log.ts"), refusedBy: "core-imports-only-core-and-shared-nouns" },
  { from: "hub/src/core/a.ts", imports: "node:fs", refusedBy: "core-uses-no-node-builtins" },
  { from: "agent/src/core/a.ts", imports: "node:http", refusedBy: "core-uses-no-node-builtins" },
  { from: "agent/src/core/a.ts", imports: "undici", refusedBy: "core-uses-no-package-but-zod" },
  { from: "hub/src/core/a.test.ts", imports: "node:fs", refusedBy: null },
  { from: "hub/src/core/a.test.ts", imports: shared("testing/fake-clock.ts"), refusedBy: null },
  { from: "hub/src/ports/a.ts", imports: "../core/target.ts", refusedBy: null },
  { from: "hub/src/ports/a.ts", imports: "../flows/target.ts", refusedBy: "ports-import-only-ports-and-core" },
  { from: "hub/src/ports/a.ts", imports: "node:fs/promises", refusedBy: "ports-use-no-outside-code" },
  { from: "hub/src/ports/a.ts", imports: "fastify", refusedBy: "ports-use-no-outside-code" },
  { from: "hub/src/ports/a.contract.ts", imports: "vitest", refusedBy: null },
  { from: "hub/src/flows/a.ts", imports: "../ports/git.ts", refusedBy: null },
  { from: "hub/src/flows/a.ts", imports: "../core/target.ts", refusedBy: null },
  {
    from: "hub/src/flows/a.ts",
    imports: "../adapters/metrics.ts",
    refusedBy: "flows-import-only-flows-ports-and-core",
  },
  { from: "hub/src/flows/a.ts", imports: "../create-hub.ts", refusedBy: "flows-import-only-flows-ports-and-core" },
  { from: "hub/src/flows/a.ts", imports: "node:net", refusedBy: "flows-do-io-only-through-ports" },
  { from: "hub/src/flows/a.ts", imports: "isomorphic-git", refusedBy: "flows-do-io-only-through-ports" },
  { from: "hub/src/adapters/store/sqlite/a.ts", imports: "../../../ports/git.ts", refusedBy: null },
  { from: "hub/src/adapters/store/sqlite/a.ts", imports: "../../../core/target.ts", refusedBy: null },
  { from: "hub/src/adapters/store/sqlite/a.ts", imports: "./target.ts", refusedBy: null },
  { from: "hub/src/adapters/store/sqlite/a.ts", imports: "node:sqlite", refusedBy: null },
  {
    from: "hub/src/adapters/store/sqlite/a.ts",
    imports: "../../../flows/target.ts",
    refusedBy: "adapters-import-only-ports-and-core",
  },
  { from: "hub/src/adapters/api/a.ts", imports: "../../config.ts", refusedBy: "adapters-import-only-ports-and-core" },
  { from: "hub/src/adapters/api/routes/a.ts", imports: "../schemas/target.ts", refusedBy: null },
  {
    from: "hub/src/adapters/store/sqlite/a.ts",
    imports: "../../git/native/target.ts",
    refusedBy: "adapters-never-import-another-kind",
  },
  {
    from: "hub/src/adapters/metrics.ts",
    imports: "./git/native/target.ts",
    refusedBy: "adapters-never-import-another-kind",
  },
  { from: "hub/src/adapters/git/native/a.ts", imports: "../target.ts", refusedBy: null },
  {
    from: "hub/src/adapters/git/native/a.ts",
    imports: "../isomorphic/target.ts",
    refusedBy: "adapters-never-import-a-sibling",
  },
  {
    from: "agent/src/adapters/link/grpc.ts",
    imports: "./in-process.ts",
    refusedBy: "links-and-stores-never-import-a-sibling",
  },
  {
    from: "hub/src/adapters/store/jetstream.ts",
    imports: "./sqlite/target.ts",
    refusedBy: "links-and-stores-never-import-a-sibling",
  },
  { from: "hub/src/adapters/git/native/a.test.ts", imports: "../isomorphic/target.ts", refusedBy: null },
  { from: "hub/src/config.ts", imports: "./core/target.ts", refusedBy: null },
  { from: "hub/src/config.ts", imports: "./flows/target.ts", refusedBy: "config-imports-only-core" },
  { from: "hub/src/create-hub.ts", imports: "./flows/target.ts", refusedBy: null },
  { from: "hub/src/create-hub.ts", imports: "./adapters/metrics.ts", refusedBy: null },
  { from: "hub/src/main.ts", imports: "./create-hub.ts", refusedBy: null },
  { from: "hub/src/create-hub.ts", imports: "./main.ts", refusedBy: "nothing-imports-main" },
  { from: "hub/src/create-hub.ts", imports: agent("create-agent.ts"), refusedBy: "hub-never-imports-agent" },
  { from: "hub/src/create-hub.test.ts", imports: agent("create-agent.ts"), refusedBy: "hub-never-imports-agent" },
  { from: "agent/src/create-agent.ts", imports: hub("create-hub.ts"), refusedBy: "agent-never-imports-hub" },
  { from: "shared/src/model/a.ts", imports: hub("core/target.ts"), refusedBy: "shared-imports-neither-hub-nor-agent" },
  { from: "shared/src/model/a.ts", imports: "node:https", refusedBy: "shared-uses-no-network-and-no-files" },
  { from: "shared/src/model/a.ts", imports: "node:fs", refusedBy: "shared-uses-no-network-and-no-files" },
  { from: "shared/src/model/a.ts", imports: "node:crypto", refusedBy: null },
  { from: "shared/src/model/a.ts", imports: "@kubernetes/client-node", refusedBy: "shared-uses-no-network-package" },
  { from: "shared/src/wire/bundle.ts", imports: "./generated/muster/v1/bundle_pb.js", refusedBy: null },
  {
    from: "shared/src/model/a.ts",
    imports: "../wire/generated/muster/v1/bundle_pb.js",
    refusedBy: "wire-types-stop-at-the-codec",
  },
  {
    from: "agent/src/adapters/link/grpc.ts",
    imports: shared("wire/generated/muster/v1/bundle_pb.js"),
    refusedBy: "wire-types-stop-at-the-codec",
  },
  { from: "cli/src/up/a.ts", imports: hub("create-hub.ts"), refusedBy: null },
  { from: "cli/src/demo/a.ts", imports: agent("create-agent.ts"), refusedBy: null },
  {
    from: "cli/src/commands/a.ts",
    imports: hub("core/target.ts"),
    refusedBy: "cli-imports-hub-and-agent-only-to-run-them",
  },
  { from: "hub/src/create-hub.ts", imports: "@muster/e2e/target.ts", refusedBy: "product-never-imports-workshop" },
  { from: "e2e/a.test.ts", imports: hub("create-hub.ts"), refusedBy: null },
  { from: "hub/src/create-hub.ts", imports: "./ports/a.contract.ts", refusedBy: "product-never-imports-test-code" },
  {
    from: "agent/src/create-agent.ts",
    imports: shared("testing/fake-clock.ts"),
    refusedBy: "product-never-imports-test-code",
  },
  { from: "cli/src/commands/a.ts", imports: "./nowhere.ts", refusedBy: "no-unresolved-import" },
];

// How an import may be written must not matter: a type or a late import ties two modules together just the same.
const spellings = {
  value: (path: string) => `import { x } from "${path}"; console.log(x);`,
  type: (path: string) => `import type { x } from "${path}"; export type Y = typeof x;`,
  "re-export": (path: string) => `export * from "${path}";`,
  late: (path: string) => `export const later = () => import("${path}");`,
};

const targets = [
  "hub/src/core/target.ts",
  "hub/src/ports/git.ts",
  "hub/src/ports/a.contract.ts",
  "hub/src/flows/target.ts",
  "hub/src/adapters/metrics.ts",
  "hub/src/adapters/api/schemas/target.ts",
  "hub/src/adapters/store/sqlite/target.ts",
  "hub/src/adapters/git/target.ts",
  "hub/src/adapters/git/native/target.ts",
  "hub/src/adapters/git/isomorphic/target.ts",
  "hub/src/config.ts",
  "hub/src/create-hub.ts",
  "hub/src/main.ts",
  "agent/src/create-agent.ts",
  "agent/src/adapters/link/in-process.ts",
  "shared/src/model/cluster.ts",
  "shared/src/log.ts",
  "shared/src/testing/fake-clock.ts",
  "shared/src/wire/generated/muster/v1/bundle_pb.js",
  "e2e/target.ts",
];
const packages = ["zod", "undici", "fastify", "vitest", "isomorphic-git", "@kubernetes/client-node"];

describe.each(Object.keys(spellings) as (keyof typeof spellings)[])("import walls, %s imports", (spelling) => {
  const tree = mkdtempSync(join(tmpdir(), "muster-walls-"));
  let refusals: Refusal[] = [];

  beforeAll(async () => {
    for (const target of targets) write(target, "export const x = 1;\n");
    for (const name of packages) {
      write(`node_modules/${name}/package.json`, JSON.stringify({ name, version: "1.0.0", main: "index.js" }));
      write(`node_modules/${name}/index.js`, "export const x = 1;\n");
    }
    for (const name of ["shared", "hub", "agent", "cli", "e2e"]) {
      const exports = { "./*": name === "e2e" ? "./*" : "./src/*" };
      write(`${name}/package.json`, JSON.stringify({ name: `@muster/${name}`, version: "0.1.0", exports }));
      mkdirSync(join(tree, "node_modules/@muster"), { recursive: true });
      symlinkSync(join(tree, name), join(tree, "node_modules/@muster", name));
    }
    for (const from of new Set(cases.map((one) => one.from))) {
      const lines = cases.filter((one) => one.from === from).map((one) => spellings[spelling](one.imports));
      write(from, lines.map((line, index) => distinct(line, index)).join("\n"));
    }
    ({ refusals } = await findRefusals(tree, ["shared", "hub", "agent", "cli", "e2e"]));
  });

  afterAll(() => rmSync(tree, { recursive: true, force: true }));

  it.each(cases)("$from -> $imports: $refusedBy", ({ from, imports, refusedBy }) => {
    const rules = refusals.filter((one) => one.from === from && one.module === imports).map((one) => one.rule);
    if (refusedBy === null) expect(rules).toEqual([]);
    else expect(rules).toContain(refusedBy);
  });

  it("has a case for every rule", () => {
    expect([...wallNames].sort()).toEqual([...new Set(cases.flatMap((one) => one.refusedBy ?? []))].sort());
  });

  function write(path: string, content: string): void {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), content);
  }
});

/** Several imports share a file, so each gets names of its own. */
function distinct(line: string, index: number): string {
  return line
    .replace("{ x }", `{ x as x${index} }`)
    .replace("log(x)", `log(x${index})`)
    .replace("type Y = typeof x", `type Y${index} = typeof x${index}`)
    .replace("const later", `const later${index}`);
}
