import { FakeClock } from "@muster/shared/testing/fake-clock.ts";
import { describe, expect, it } from "vitest";
import { WakeLater } from "./wake-later.ts";

const HOUR = 60 * 60_000;

function world() {
  const clock = new FakeClock();
  const woken: string[] = [];
  const later = new WakeLater({ clock, wake: (key) => woken.push(key) });
  return { clock, woken, later };
}

describe("WakeLater", () => {
  it("wakes a key at the earliest of the times it was asked for, once", async () => {
    const { clock, woken, later } = world();
    for (const ms of [30, 10, 20]) later.at("a", clock.now() + ms);
    later.at("b", clock.now() + 15);
    expect(clock.sleepers).toBe(2);
    await clock.advance(9);
    expect(woken).toEqual([]);
    await clock.advance(100);
    expect(woken).toEqual(["a", "b"]);
  });

  it("wakes at once for a time that is past, and looks again at least every hour", async () => {
    const { clock, woken, later } = world();
    later.at("past", clock.now() - 5);
    later.at("far", clock.now() + 1_000 * HOUR);
    await clock.advance(HOUR);
    expect(woken).toEqual(["past", "far"]);
  });

  it("wakes nobody once it is stopped", async () => {
    const { clock, woken, later } = world();
    later.at("a", clock.now() + 10);
    later.stop();
    await clock.advance(100);
    expect([woken, clock.sleepers]).toEqual([[], 0]);
  });
});
