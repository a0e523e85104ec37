import { describe, expect, it } from "vitest";
import { systemClock } from "./system-clock.ts";

describe("systemClock", () => {
  it("tells the time and sleeps", async () => {
    const before = systemClock.now();
    await systemClock.sleep(5);
    expect(systemClock.now()).toBeGreaterThanOrEqual(before + 4);
  });

  it("stops sleeping when told to, also in a sleep of months", async () => {
    const control = new AbortController();
    const sleep = systemClock.sleep(90 * 86_400_000, control.signal);
    control.abort();
    await expect(sleep).rejects.toMatchObject({ code: "cancelled" });
    await expect(systemClock.sleep(1, control.signal)).rejects.toMatchObject({ code: "cancelled" });
  });
});
