import { silentLog } from "@muster/shared/log.ts";
import type { Digest } from "@muster/shared/model/ids.ts";
import { FakeClock } from "@muster/shared/testing/fake-clock.ts";
import { expect, test } from "vitest";
import { inlineOpener } from "../testing/agent-world.ts";
import { configMap, FakeHub } from "../testing/fake-hub.ts";
import { createBundleSource } from "./fetch-bundle.ts";

test("a bundle that the cluster forgot is stored again when it is wanted again", async () => {
  const hub = new FakeHub();
  const { digest, bytes } = hub.bundle([configMap("a", {})]);
  const stored = new Map<Digest, Uint8Array>();
  let fetches = 0;
  const source = createBundleSource({
    state: {
      load: async () => ({ records: [], removed: [] }),
      put: async () => {},
      remove: async () => {},
      putBundle: async (of, compressed) => void stored.set(of, compressed),
      getBundle: async (of) => stored.get(of) ?? null,
      keepBundles: async () => stored.clear(),
    },
    opener: inlineOpener,
    session: {
      current: {
        async *fetchBundle(of) {
          fetches += 1;
          yield hub.bundles.get(of) as Uint8Array;
        },
      },
      next: async () => {},
    },
    clock: new FakeClock(),
    log: silentLog,
    random: () => 0.5,
  });
  const wanted = { digest, bytes, owner: { hash: "h", app: { project: "default", name: "shop" } } } as never;
  const get = () => source.get(wanted, { signal: new AbortController().signal, aside: (wait) => wait() });
  await get();
  await source.store(digest);
  await get();
  expect(fetches).toBe(1);

  source.keep(new Set());
  stored.clear();
  // A rollback to it.
  await get();
  await source.store(digest);
  expect(stored.has(digest)).toBe(true);
});
