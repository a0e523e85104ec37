import { AppError } from "@muster/shared/errors.ts";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { SourceStatus } from "../core/documents/source-status.ts";
import type { Store } from "../ports/store.ts";
import { HubFixture, person, REPOSITORY, sourceOf } from "../testing/hub-fixture.ts";

const soon = { timeout: 8_000, interval: 10 };
const FILES = { "apps/shop/web.yaml": "Deployment web v1" };

let fixture: HubFixture;
beforeEach(async () => {
  fixture = await HubFixture.create();
});
afterEach(() => fixture.close());

const fleet = () => fixture.hub.queries.source({ project: "default", name: "fleet" });

describe("a Source is never given up", () => {
  it("is tracked on after the store took no status for a while", async () => {
    let isFull = true;
    const wrap = (store: Store): Store => ({
      ...store,
      documents: {
        ...store.documents,
        put: (key, value, opts) =>
          isFull && key.collection === "source-status"
            ? Promise.reject(new AppError("unavailable", "database or disk is full"))
            : store.documents.put(key, value, opts),
      },
    });
    await fixture.startHub({ wrap, over: { random: () => 0 } });
    const commit = fixture.push(FILES);
    await fixture.hub.commands.apply(person, [sourceOf()], { dryRun: false });
    await vi.waitFor(() => expect(fixture.git.fetches).toBeGreaterThan(0), soon);
    isFull = false;
    await vi.waitFor(async () => expect((await fleet()).revision?.commit).toBe(commit), soon);
  });

  it("starts again on what it noted of a repository with a long address", async () => {
    const url = `https://git.example.com/${"deep/".repeat(380)}fleet.git`;
    await fixture.startHub();
    fixture.git.failure = new AppError("unavailable", "the server said a lot: ".repeat(100));
    await fixture.hub.commands.apply(person, [sourceOf({ git: { url } })], { dryRun: false });
    await vi.waitFor(async () => expect((await fleet()).problems[0]?.code).toBe("RepositoryUnreachable"), soon);
    await fixture.hub.stop();
    await fixture.startHub();
    expect((await fleet()).problems[0]?.message).toMatch(/What runs stays as it is/);
  });
});

describe("a Source that moves to another address", () => {
  it("counts its Revisions on, knows the commits it saw, and calls nothing rewritten", async () => {
    await fixture.startHub();
    const at = (url: string) => fixture.hub.commands.apply(person, [sourceOf({ git: { url } })], { dryRun: false });
    const elsewhere = "https://mirror.example.com/fleet.git";
    const revision = async () => {
      const key = { collection: "source-status", key: "default/fleet" };
      const stored = (await fixture.store.documents.get(key))?.value;
      return (stored as unknown as SourceStatus | undefined)?.revision ?? null;
    };
    fixture.push(FILES);
    await at(REPOSITORY);
    await vi.waitFor(async () => expect((await revision())?.number).toBe(1), soon);
    fixture.push({ "apps/shop/web.yaml": "Deployment web v2" });
    await fixture.wake();
    await vi.waitFor(async () => expect((await revision())?.number).toBe(2), soon);
    await at(elsewhere); // nothing is there yet
    await vi.waitFor(async () => expect((await fleet()).problems[0]?.code).toBe("RefNotFound"), soon);
    const commit = fixture.git.push(elsewhere, { "apps/shop/web.yaml": "Deployment web v3" });
    await fixture.wake();
    await vi.waitFor(async () => expect(await revision()).toMatchObject({ number: 3, commit }), soon);
    expect((await fleet()).problems).toEqual([]);
  });
});

const gitSource = (name: string, git: object) => ({
  ...sourceOf({ git: { url: REPOSITORY, ...git } }),
  metadata: { name },
});
const statusOf = async (name = "fleet") => {
  const stored = await fixture.store.documents.get({ collection: "source-status", key: `default/${name}` });
  return stored === null ? null : (stored.value as unknown as SourceStatus);
};
const apply = (...definitions: object[]) => fixture.hub.commands.apply(person, definitions, { dryRun: false });
const wakeAll = (...names: string[]) =>
  Promise.all(names.map((name) => fixture.hub.commands.wakeSource({ project: "default", name })));

describe("Sources on one repository", () => {
  it("are served by one fetch, each at its own ref, and one that is missing fails no other", async () => {
    await fixture.startHub();
    const old = fixture.push(FILES);
    fixture.git.tag(REPOSITORY, "v1.4.0", old);
    const dev = fixture.push({ "apps/shop/web.yaml": "Deployment web dev" }, { branch: "dev" });
    const head = fixture.push({ "apps/shop/web.yaml": "Deployment web v2" });
    await apply(
      gitSource("main", { ref: { branch: "main" } }),
      gitSource("dev", { ref: { branch: "dev" } }),
      gitSource("stable", { ref: { semver: ">=1.4 <2" } }),
      gitSource("pinned", { ref: { commit: old.slice(0, 12) } }),
      gitSource("gone", { ref: { tag: "v9" } }),
    );
    await vi.waitFor(async () => {
      expect((await statusOf("main"))?.revision?.commit).toBe(head);
      expect((await statusOf("dev"))?.revision?.commit).toBe(dev);
      expect(await statusOf("stable")).toMatchObject({
        branch: "semver >=1.4 <2",
        tag: "v1.4.0",
        revision: { commit: old },
      });
      expect((await statusOf("pinned"))?.revision?.commit).toBe(old);
      expect(await statusOf("gone")).toMatchObject({ revision: null, problems: [{ code: "RefNotFound" }] });
    }, soon);
    const before = fixture.git.fetches;
    const next = fixture.push({ "apps/shop/web.yaml": "Deployment web v3" });
    await wakeAll("main");
    await vi.waitFor(async () => expect((await statusOf("main"))?.revision?.commit).toBe(next), soon);
    expect(fixture.git.fetches - before).toBe(1);
  });

  it("follow a range to a higher version as an advance, and name a tag that was moved", async () => {
    await fixture.startHub();
    fixture.git.tag(REPOSITORY, "v1.4.0", fixture.push(FILES));
    await apply(gitSource("stable", { ref: { semver: "1.x" } }));
    await vi.waitFor(async () => expect((await statusOf("stable"))?.tag).toBe("v1.4.0"), soon);
    fixture.git.tag(REPOSITORY, "v1.4.1", fixture.push({ "apps/shop/web.yaml": "2" }, { amend: true }));
    await wakeAll("stable");
    await vi.waitFor(async () => expect(await statusOf("stable")).toMatchObject({ tag: "v1.4.1", problems: [] }), soon);
    const moved = fixture.push({ "apps/shop/web.yaml": "3" });
    fixture.git.tag(REPOSITORY, "v1.4.1", moved);
    await wakeAll("stable");
    await vi.waitFor(async () => {
      const status = await statusOf("stable");
      expect(status).toMatchObject({ revision: { commit: moved }, problems: [{ code: "HistoryRewritten" }] });
      expect(status?.problems[0]?.message).toMatch(/^The tag v1\.4\.1 was moved from /);
    }, soon);
  });
});

describe("a Source that asks for signers", () => {
  const unsigned = { kind: "unverified", reason: "Unsigned", message: "nobody has signed it." } as const;
  const trust = (...commits: string[]) => {
    fixture.verifier.verdict = (object) =>
      commits.some((commit) => Buffer.from(object).toString().endsWith(commit))
        ? { kind: "verified", signer: "Ada" }
        : unsigned;
  };

  it("holds a commit that nobody trusted has signed, says why, and keeps the last verified one", async () => {
    await fixture.startHub();
    const good = fixture.push(FILES);
    trust(good);
    await apply(gitSource("fleet", { verify: { signers: ["platform"] } }));
    await vi.waitFor(async () => expect((await statusOf())?.revision?.commit).toBe(good), soon);
    const bad = fixture.push({ "apps/shop/web.yaml": "evil" }, { subject: "Sneak in" });
    await fixture.wake();
    await vi.waitFor(async () => {
      const status = await statusOf();
      expect(status).toMatchObject({ revision: { commit: good, number: 1 }, held: { commit: bad } });
      expect(status?.problems).toMatchObject([
        {
          code: "CommitHeld",
          message: expect.stringMatching(/Sneak in.*nobody has signed it.*stays/),
          fix: expect.stringContaining("platform"),
        },
      ]);
    }, soon);
    const view = () => fixture.hub.queries.source({ project: "default", name: "fleet" });
    expect(await view()).toMatchObject({ state: "Held", revision: { commit: good }, held: { commit: bad } });
    const mended = fixture.push({ "apps/shop/web.yaml": "good" });
    trust(good, mended);
    await fixture.wake();
    await vi.waitFor(async () => {
      expect(await statusOf()).toMatchObject({ revision: { commit: mended, number: 2 }, held: null, problems: [] });
    }, soon);
    expect(await view()).toMatchObject({ state: "Ready", held: null });
  });

  it("begins with no Revision when the signers are changed, until one of them has signed", async () => {
    await fixture.startHub();
    const commit = fixture.push(FILES);
    await apply(gitSource("fleet", {}));
    await vi.waitFor(async () => expect((await statusOf())?.revision?.commit).toBe(commit), soon);
    trust();
    await apply(gitSource("fleet", { verify: { signers: ["platform"] } }));
    await vi.waitFor(async () => expect(await statusOf()).toMatchObject({ revision: null, held: { commit } }), soon);
    trust(commit);
    await fixture.wake();
    await vi.waitFor(async () => expect(await statusOf()).toMatchObject({ revision: { commit }, held: null }), soon);
  });

  it("holds what cannot be judged, naming the set that is not there", async () => {
    await fixture.startHub();
    fixture.push(FILES);
    fixture.verifier.verdict = () => {
      throw new AppError("not-found", "there is no signer set platform", { fix: "Mount it." });
    };
    await apply(gitSource("fleet", { verify: { signers: ["platform"] } }));
    await vi.waitFor(async () => {
      expect((await statusOf())?.held?.reason).toBe("there is no signer set platform. Mount it.");
    }, soon);
  });
});
