import { describe, expect, it } from "vitest";
import { backoff } from "./backoff.ts";

describe("backoff", () => {
  it("grows to its cap and starts small again after a success", () => {
    const delays = backoff({ initialMs: 100, maxMs: 1_000, factor: 2, random: () => 0.999999 });
    const firstSix = [1, 2, 3, 4, 5, 6].map(() => delays.next());
    expect(firstSix).toEqual([99, 199, 399, 799, 999, 999]);
    expect(delays.attempts).toBe(6);
    delays.reset();
    expect(delays.next()).toBe(99);
  });

  it("draws from the whole range, zero included", () => {
    const delays = backoff({ initialMs: 100, maxMs: 1_000, random: () => 0 });
    expect([delays.next(), delays.next()]).toEqual([0, 0]);
  });

  it("stays finite after days of failures", () => {
    const delays = backoff({ initialMs: 100, maxMs: 60_000, factor: 10, random: () => 0.5 });
    for (let i = 0; i < 5_000; i++) delays.next();
    expect(delays.next()).toBe(30_000);
  });
});
