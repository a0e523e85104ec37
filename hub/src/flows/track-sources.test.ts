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
