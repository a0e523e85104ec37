import { AppError } from "@muster/shared/errors.ts";
import { silentLog } from "@muster/shared/log.ts";
import type { KeyHash } from "@muster/shared/model/joining.ts";
import { FakeClock } from "@muster/shared/testing/fake-clock.ts";
import { expect, test } from "vitest";
import { keepIdentity } from "./keep-identity.ts";

test("an API server that is away when the agent starts is waited for", async () => {
  const clock = new FakeClock();
  let asked = 0;
  const refuse = async () => {
    throw new AppError("unavailable", "connection refused");
  };
  const outcome = keepIdentity(
    {
      hub: { join: refuse, renew: refuse },
      store: { load: async () => null, save: async () => {} },
      keys: { createKey: async () => "", createSigningRequest: async () => new Uint8Array() },
      clusterUid: () => (++asked < 4 ? refuse() : Promise.resolve("uid")),
      caHash: `sha256:${"0".repeat(64)}` as KeyHash,
      joinToken: null,
      clock,
      random: (bytes) => new Uint8Array(bytes),
      chance: () => 0.5,
      log: silentLog,
    },
    { signal: new AbortController().signal },
  ).catch((error: unknown) => error);
  await clock.advance(60_000);
  // It got through to what it stores, and found that nobody ever told it how to join.
  expect(await outcome).toMatchObject({ code: "invalid", fix: expect.stringContaining("muster cluster register") });
  expect(asked).toBe(4);
});
