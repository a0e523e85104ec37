import { afterEach, describe, expect, it, vi } from "vitest";
import type { FakeAgent } from "../testing/fake-agent.ts";
import { appOf, HubFixture, person, shop, sourceOf } from "../testing/hub-fixture.ts";
import { type MortalStore, mortalStore } from "../testing/mortal-store.ts";

/**
 * The hub is killed at every single write of a small story, before and after the write takes effect, and started anew
 * on what was stored. Whatever the write: what was acknowledged is there, no generation was ever given twice with other
 * content, and the cluster ends where the same story ends without a kill.
 */

const soon = { timeout: 8_000, interval: 5 };
const WRITES_MAX = 80;
let fixture: HubFixture;
afterEach(() => fixture.close());

interface Acknowledged {
  applied: boolean;
  rolledBack: boolean;
}

/** Apply, three commits, a rollback between: what a person does. Stops where the hub dies. */
async function tell(agent: FakeAgent, mortal: () => MortalStore, done: Acknowledged): Promise<void> {
  const alive = async (step: () => Promise<unknown>): Promise<boolean> => {
    if (mortal().isDead) return false;
    await step().catch((error: unknown) => {
      if (!mortal().isDead) throw error;
    });
    return !mortal().isDead;
  };
  const until = (check: () => boolean): Promise<void> =>
    vi.waitFor(() => {
      if (!mortal().isDead && !check()) throw new Error("not yet");
    }, soon);
  const runs = (release: number): boolean =>
    [...agent.held.values()].some(
      ({ assignment: { content } }) => content.kind === "run" && content.release.number === release,
    );

  fixture.push({ "apps/shop/web.yaml": "Deployment web v1" });
  const applied = await alive(() => fixture.hub.commands.apply(person, [sourceOf(), appOf()], { dryRun: false }));
  done.applied = applied;
  if (!applied) return;
  await until(() => runs(1));
  fixture.push({ "apps/shop/web.yaml": "Deployment web v2" });
  if (!(await alive(() => fixture.wake()))) return;
  await until(() => runs(2));
  const request = { project: "default", app: "shop", to: "r1", reason: "errors", dryRun: false };
  done.rolledBack = await alive(() => fixture.hub.commands.rollback(person, request));
  if (!done.rolledBack) return;
  await until(() => runs(1));
  await alive(() => fixture.hub.settled());
}

async function killedAt(write: number, when: "before" | "after"): Promise<{ writes: number }> {
  fixture = await HubFixture.create();
  let mortal: MortalStore | null = null;
  const wrap = (store: typeof fixture.store) => {
    mortal = mortalStore(store, Number.POSITIVE_INFINITY, when);
    return mortal.store;
  };
  // The cluster is there before the story begins: joining is not what is told here.
  await fixture.startHub({ wrap });
  const agent = await fixture.addCluster("eu-1");
  await fixture.hub.stop();

  const story = mortalStore(fixture.store, write, when);
  const done: Acknowledged = { applied: false, rolledBack: false };
  const first = fixture.startHub({ wrap: () => story.store });
  const hasStarted = await first.then(
    () => true,
    () => false,
  );
  if (hasStarted) {
    await agent.connect(fixture.hub.gate).catch(() => false);
    await tell(agent, () => story, done);
  }
  agent.disconnect();
  await fixture.hub.stop().catch(() => {});

  await fixture.startHub();
  const heldBefore = [...agent.held.values()].map(({ mark }) => mark.generation);
  expect(await agent.connect(fixture.hub.gate)).toBe(true);
  if (done.applied) expect(await fixture.hub.queries.apps()).toHaveLength(1);
  await fixture.hub.commands.apply(person, [sourceOf(), appOf()], { dryRun: false });
  await fixture.wake();
  if (done.rolledBack) expect((await fixture.hub.queries.app(shop)).pin?.release).toBe(1);

  // Where the story stopped, it goes on: a last commit reaches the cluster, unless a person holds it back.
  fixture.push({ "apps/shop/web.yaml": "Deployment web v3" });
  await fixture.wake();
  await vi.waitFor(async () => {
    const view = await fixture.hub.queries.app(shop);
    expect(view.release?.subject).toBe("change");
    const newest = await newestContent();
    expect(newest).toContain("v3");
    expect(view.summary).toMatchObject({ atTarget: 1, healthy: 1, ahead: 0 });
    const target = view.pin?.release ?? view.release?.number;
    expect(view.placements[0]?.assigned?.release).toBe(target);
  }, soon);
  expect(agent.breaches).toEqual([]);
  expect([...agent.held.values()].every(({ mark }, index) => mark.generation >= (heldBefore[index] ?? 0))).toBe(true);
  expect((await fixture.hub.queries.status()).hub.epoch).toBe(1);
  return { writes: story.writes };
}

async function newestContent(): Promise<string> {
  const [newest] = await fixture.hub.queries.releases(shop);
  const bytes = newest?.digest == null ? null : await fixture.store.blobs.get(newest.digest);
  return new TextDecoder().decode(bytes ?? new Uint8Array());
}

describe("killed at any write", () => {
  it.each(["before", "after"] as const)(
    "converges, whichever write it is (%s it takes effect)",
    async (when) => {
      let write = 1;
      for (; write <= WRITES_MAX; write += 1) {
        const { writes } = await killedAt(write, when).catch((error: unknown) => {
          throw new Error(`killed ${when} write ${write}: ${String((error as Error).message)}`, { cause: error });
        });
        await fixture.close();
        if (writes < write) break;
      }
      expect(write).toBeGreaterThan(15);
      expect(write).toBeLessThan(WRITES_MAX);
      fixture = await HubFixture.create();
    },
    120_000,
  );
});
