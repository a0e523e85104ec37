import { AppError } from "@muster/shared/errors.ts";
import { silentLog } from "@muster/shared/log.ts";
import { FakeClock } from "@muster/shared/testing/fake-clock.ts";
import { expect, it } from "vitest";
import type { Leases } from "../ports/store.ts";
import { takeLeadership } from "./take-leadership.ts";

async function lead(renew: Leases["renew"]) {
  const clock = new FakeClock();
  const leases: Leases = { acquire: async () => ({ term: 7 }), renew, release: async () => {} };
  const { signal } = new AbortController();
  const leadership = await takeLeadership({ leases, holder: "hub-1", clock, log: silentLog, signal });
  return { clock, leadership };
}

it("leads on while the lease is renewed, also after one failure", async () => {
  let asked = 0;
  const { clock, leadership } = await lead(async () => {
    asked += 1;
    if (asked % 2 === 1) throw new AppError("unavailable", "the disk is slow");
    return true;
  });
  await clock.advance(60_000);
  expect([asked, leadership.lost.aborted]).toEqual([12, false]);
  await leadership.release();
});

it.each([
  ["another hub took the lease", async () => false, { code: "conflict", message: /another hub leads/ }],
  [
    "the store fails until another hub may lead",
    async () => Promise.reject(new AppError("unavailable", "disk full")),
    { code: "unavailable", message: /did not renew this hub's lead in time/, cause: { message: "disk full" } },
  ],
])("stops, and says why, when %s", async (_what, renew, why) => {
  const { clock, leadership } = await lead(renew);
  await clock.advance(15_000 - 1);
  expect(leadership.lost.reason).toMatchObject({ ...why, message: expect.stringMatching(why.message) });
});
