import { describe, expect, it } from "vitest";
import { createTurnstile } from "./turnstile.ts";

describe("a turnstile", () => {
  it("lets so many in at once, and the next in line when one leaves", async () => {
    const turnstile = createTurnstile({ atOnceMax: 2, waitingMax: 10 });
    const order: string[] = [];
    const enter = async (name: string) => {
      const leave = await turnstile.enter();
      order.push(name);
      return leave;
    };
    const [first] = await Promise.all([enter("a"), enter("b")]);
    const third = enter("c");
    const fourth = enter("d");
    expect([order, turnstile.waiting]).toEqual([["a", "b"], 2]);
    first();
    first();
    const leaveThird = await third;
    expect([order, turnstile.waiting]).toEqual([["a", "b", "c"], 1]);
    leaveThird();
    await fourth;
    expect(order).toEqual(["a", "b", "c", "d"]);
  });

  it("turns away who finds the line full, and forgets who stops waiting", async () => {
    const turnstile = createTurnstile({ atOnceMax: 1, waitingMax: 1 });
    const leave = await turnstile.enter();
    const cancel = new AbortController();
    const waiting = turnstile.enter(cancel.signal);
    await expect(turnstile.enter()).rejects.toMatchObject({ code: "unavailable" });
    cancel.abort();
    await expect(waiting).rejects.toMatchObject({ code: "cancelled" });
    await expect(turnstile.enter(cancel.signal)).rejects.toMatchObject({ code: "cancelled" });
    leave();
    (await turnstile.enter())();
    expect(turnstile.waiting).toBe(0);
  });
});
