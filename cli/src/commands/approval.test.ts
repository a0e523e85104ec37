import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Schemas } from "../api/client.ts";
import { run } from "../run.ts";
import { type Answers, aCluster, anApp, fakeHub, fakeTerminal, problem, TOKEN } from "../testing/fake-hub.ts";

let folder: string;
let hub: Awaited<ReturnType<typeof fakeHub>> | null = null;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-cli-"));
});
afterEach(async () => {
  await hub?.close();
  hub = null;
  await rm(folder, { recursive: true });
});

async function muster(words: readonly string[], answers: Answers, options: Parameters<typeof fakeTerminal>[0] = {}) {
  hub ??= await fakeHub(answers);
  await writeFile(join(folder, "ca.pem"), hub.root);
  const { terminal, said } = fakeTerminal(options);
  const env = { MUSTER_HUB: hub.url, MUSTER_TOKEN: TOKEN, MUSTER_CA_FILE: join(folder, "ca.pem") };
  const exitCode = await run(words, { terminal, env, home: folder, version: "0.1.0" });
  return { exitCode, ...said, calls: hub.calls };
}

const anApproval = (change: Partial<Schemas["Approval"]> = {}): Schemas["Approval"] => ({
  id: "ap-1f2e3d4c",
  kind: "removal",
  state: "pending",
  what: "50 clusters would lose storefront/shop (600 objects)",
  why: "The App's definition changed, and no longer selects them.",
  askedBy: "ada@example.com",
  pairs: 50,
  objects: 600,
  apps: [{ app: "storefront/shop", pairs: 50, objects: 600, clusters: ["eu-1", "eu-2"] }],
  created: "2026-03-03T12:05:00.000Z",
  decided: null,
  closed: null,
  ...change,
});
const path = "/v1/approvals/ap-1f2e3d4c";
const answers = {
  "GET /v1/approvals?state=pending": { items: [anApproval()] },
  "GET /v1/approvals": { items: [anApproval(), anApproval({ id: "ap-2", state: "withdrawn" })] },
  [`GET ${path}`]: anApproval(),
  [`POST ${path}/grant`]: anApproval({ state: "granted" }),
  [`POST ${path}/deny`]: anApproval({ state: "denied" }),
};

describe("approval", () => {
  it("lists what waits, and with --all what was decided", async () => {
    const { out } = await muster(["approval", "list"], answers);
    expect(out).toContain("ap-1f2e3d4c  pending  50 clusters would lose storefront/shop (600 objects)");
    expect((await muster(["approval", "list", "--all"], answers)).out).toContain("ap-2");
  });

  it("says when nothing waits", async () => {
    const { out } = await muster(["approval", "list"], { "GET /v1/approvals?state=pending": { items: [] } });
    expect(out).toBe("Nothing waits for a person.\n");
  });

  it("shows one with what it names, and what to do", async () => {
    const { out } = await muster(["approval", "get", "ap-1f2e3d4c"], answers);
    expect(out).toContain("  storefront/shop: 50 clusters (eu-1, eu-2, …)\n");
    expect(out).toContain("muster approval grant ap-1f2e3d4c, or deny");
  });

  it.each([
    ["a yes", [], { answer: true }, 0, ["GET", "POST"]],
    ["a no", [], { answer: false }, 1, ["GET"]],
    ["nobody to ask", [], {}, 2, ["GET"]],
    ["--yes", ["--yes"], {}, 0, ["GET", "POST"]],
  ])("grants after showing it: %s", async (_, flags, options, exitCode, methods) => {
    const words = ["approval", "grant", "ap-1f2e3d4c", "--reason", "the old region goes", ...flags];
    const result = await muster(words, answers, options);
    expect([result.exitCode, result.calls.map(({ method }) => method)]).toEqual([exitCode, methods]);
    if (exitCode === 0) expect(result.calls[1]?.body).toEqual({ reason: "the old region goes" });
  });

  it("denies", async () => {
    const { out, exitCode } = await muster(["approval", "deny", "ap-1f2e3d4c"], answers);
    expect([exitCode, out]).toEqual([0, expect.stringContaining("It stays as it is until the definition changes.")]);
  });

  it("says that another was faster", async () => {
    const late = { ...answers, [`POST ${path}/grant`]: problem(409, "conflict", "ap-1f2e3d4c is withdrawn already.") };
    const { exitCode, err } = await muster(["approval", "grant", "ap-1f2e3d4c", "--yes"], late);
    expect([exitCode, err]).toEqual([6, expect.stringContaining("withdrawn already")]);
  });

  it("completes its ids", async () => {
    const { out } = await muster(["__complete", "--", "approval", "grant", ""], answers);
    expect(out).toBe("ap-1f2e3d4c\n");
  });
});

describe("what would wait for approval", () => {
  const waits = "50 placements would go at once, and more than 10 need a person's approval";

  it("is said by a dry run of labels", async () => {
    const labelled = { ...aCluster(), gains: [], loses: ["storefront/shop"], waits, dryRun: true };
    const words = ["cluster", "label", "prod-eu-1", "tier=dev", "--dry-run"];
    const { err, exitCode } = await muster(words, { "PATCH /v1/clusters/prod-eu-1": labelled });
    expect([exitCode, err]).toEqual([0, `This would wait for approval: ${waits}.\n`]);
  });

  it("is said after an App was deleted", async () => {
    const app = "/v1/projects/storefront/apps/shop";
    const { err } = await muster(["delete", "app", "storefront/shop", "--yes"], {
      [`GET ${app}`]: { ...anApp(), placements: [] },
      [`DELETE ${app}`]: { waits },
    });
    expect(err).toBe(`This waits for approval: ${waits}. See: muster approval list\n`);
  });
});
