import { expect, test } from "vitest";
import { describeFleet } from "../fleet/describe-fleet.ts";
import { eventually, throughout, timed } from "../fleet/eventually.ts";
import type { FleetApp } from "../fleet/fleet-app.ts";
import type { HubApi, Schemas } from "../fleet/hub-api.ts";
import { configMap, sourceDefinition } from "../fleet/manifests.ts";
import { type Fault, gitHttpServer } from "../forge/git-http-server.ts";

await describeFleet("a Git server that fails", {}, ({ fleet, forge }) => {
  test.each([
    ["unreachable", "RepositoryUnreachable"],
    ["server-error", "RepositoryUnreachable"],
    ["refuse-credentials", "CredentialsRefused"],
  ] as const satisfies readonly (readonly [Fault, Schemas["Problem"]["code"]])[])(
    "%s: the status says so, nothing is deleted, and it goes on by itself",
    async (fault, code) => {
      const app = await newApp(fleet());
      const { api } = fleet().hub;
      await forge().fail(fault);
      try {
        await api.refresh(app.name);
        await saysProblem(api, app, code);
        await nothingIsDeleted(app);
      } finally {
        await forge().recover();
      }
      const commit = await app.push({ "a.yaml": configMap("a", { step: "2" }) });
      await api.refresh(app.name);
      await app.released(commit);
      expect((await api.source(app.name)).problems).toEqual([]);
    },
  );

  test("a branch that was deleted: the status says so, nothing is deleted, and it goes on when it is back", async () => {
    const app = await newApp(fleet());
    const { api } = fleet().hub;
    await app.copy.deleteBranch("main");
    await api.refresh(app.name);
    await saysProblem(api, app, "RefNotFound");
    await nothingIsDeleted(app);
    const commit = await app.push({ "a.yaml": configMap("a", { step: "back" }) });
    await api.refresh(app.name);
    await app.released(commit);
  });

  test("a repository that was deleted: the status says so, nothing is deleted", async () => {
    const app = await newApp(fleet());
    await app.repository.delete();
    await fleet().hub.api.refresh(app.name);
    await saysProblem(fleet().hub.api, app, "RefNotFound");
    await nothingIsDeleted(app);
  });

  test("a history that was rewritten: the status says so and follows the new head", async () => {
    const app = await newApp(fleet());
    const { api } = fleet().hub;
    const base = await app.copy.head();
    await app.released(await app.push({ "a.yaml": configMap("a", { step: "2" }), "b.yaml": configMap("b") }));
    await app.copy.git("reset", "--quiet", "--hard", base);
    const commit = await app.copy.commit(
      { [`${app.path}/a.yaml`]: configMap("a", { step: "other" }) },
      "Another second",
    );
    await app.copy.push({ force: true });
    await eventually(async () => {
      const { problems, revision, state } = await api.source(app.name);
      expect(problems.map(({ code }) => code)).toEqual(["HistoryRewritten"]);
      expect([revision?.commit, state]).toEqual([commit, "Ready"]);
    });
    // What the new history holds is what Git says: it is applied, and what left it is pruned.
    await eventually(async () => {
      for (const { cluster } of fleet().members) {
        expect(await app.data(cluster, "a")).toEqual({ step: "other" });
        expect(await app.owned(cluster)).toEqual(["a"]);
      }
    });
    await app.released(await app.push({ "a.yaml": configMap("a", { step: "3" }) }));
    expect((await api.source(app.name)).problems).toEqual([]);
  });

  test("a hub that starts while Git is away deletes nothing, and knows what runs", async () => {
    const app = await newApp(fleet());
    const before = await app.detail();
    await forge().fail("unreachable");
    try {
      await fleet().hub.restart();
      await fleet().untilConnected();
      await nothingIsDeleted(app);
      const placed = ({ placements }: typeof before) =>
        placements.map(({ cluster, assigned }) => ({ cluster, assigned }));
      expect(placed(await app.detail())).toEqual(placed(before));
    } finally {
      await forge().recover();
    }
  });

  test("a deleted Source leaves its Apps where they are", async () => {
    const app = await newApp(fleet());
    await fleet().hub.api.deleteSource(app.name);
    await eventually(async () => {
      expect((await app.detail()).problems.map(({ code }) => code)).toContain("SourceNotFound");
    });
    await nothingIsDeleted(app);
  });

  test("a server that never answers holds up nobody else's commits, and not the end of the hub", async () => {
    const hung = await gitHttpServer();
    try {
      const fine = await newApp(fleet());
      await hung.fail("hang");
      const asked = hung.requests.length;
      const { api } = fleet().hub;
      const names = Array.from({ length: 10 }, (_, index) => `stuck-${index}`);
      await api.apply(...names.map((name) => sourceDefinition(name, `${hung.url}/${name}.git`)));
      await eventually(() => expect(hung.requests.length).toBeGreaterThan(asked));
      const { ms } = await timed(async () =>
        fine.released(await fine.push({ "a.yaml": configMap("a", { step: "2" }) })),
      );
      expect(ms).toBeLessThan(10_000);
      expect((await timed(() => fleet().hub.restart())).ms).toBeLessThan(30_000);
      await fleet().untilConnected();
      for (const name of names) await fleet().hub.api.deleteSource(name);
    } finally {
      await hung.stop();
    }
  });

  async function nothingIsDeleted(app: FleetApp): Promise<void> {
    await throughout(500, async () => {
      for (const { cluster } of fleet().members) expect(await app.owned(cluster)).toEqual(["a"]);
    });
  }
});

async function newApp(fleet: { newApp: (prefix: string, options: object) => Promise<FleetApp> }): Promise<FleetApp> {
  const app = await fleet.newApp("git", { files: { "a.yaml": configMap("a", { step: "1" }) } });
  await app.released(await app.copy.head());
  return app;
}

/** At Source and App alike, in words that say what stays. */
async function saysProblem(api: HubApi, app: FleetApp, code: Schemas["Problem"]["code"]): Promise<void> {
  await eventually(async () => {
    const source = await api.source(app.name);
    expect(source.problems.map((problem) => problem.code)).toEqual([code]);
    expect(source.problems[0]?.message).toContain(app.repository.url);
    expect(source.state).toBe("Failing");
  });
  const detail = await app.detail();
  expect(detail.problems.map((problem) => problem.code)).toContain(code);
  expect(await api.why(app.name)).toMatchObject({ reason: "SourceFailing", message: expect.stringMatching(/stays/) });
}
