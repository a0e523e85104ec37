import { describe, expect, it } from "vitest";
import { BoundedQueue } from "./bounded-queue.ts";

const drain = <T>(queue: BoundedQueue<T>): T[] => {
  const items: T[] = [];
  for (let item = queue.poll(); item !== undefined; item = queue.poll()) items.push(item);
  return items;
};

describe("BoundedQueue", () => {
  it("gives items in order, through many turns of its ring", async () => {
    const queue = new BoundedQueue<number>({ lengthMax: 10, onFull: "refuse" });
    const taken: number[] = [];
    for (let i = 0; i < 100; i++) {
      queue.push(2 * i);
      queue.push(2 * i + 1);
      taken.push(await queue.take());
      if (queue.length > 8) taken.push(await queue.take());
    }
    taken.push(...drain(queue));
    expect(taken).toEqual(Array.from({ length: 200 }, (_, i) => i));
  });

  it("pushes the oldest out when full", () => {
    const queue = new BoundedQueue<number>({ lengthMax: 3, onFull: "drop-oldest" });
    expect([1, 2, 3, 4, 5].map((item) => queue.push(item))).toEqual([true, true, true, true, true]);
    expect(queue.droppedTotal).toBe(2);
    expect(drain(queue)).toEqual([3, 4, 5]);
  });

  it("refuses when full", () => {
    const queue = new BoundedQueue<number>({ lengthMax: 2, onFull: "refuse" });
    expect([1, 2, 3].map((item) => queue.push(item))).toEqual([true, true, false]);
    expect(queue.droppedTotal).toBe(1);
    expect(drain(queue)).toEqual([1, 2]);
  });

  it("hands an item to whoever waited longest", async () => {
    const queue = new BoundedQueue<string>({ lengthMax: 1, onFull: "refuse" });
    const takes = [queue.take(), queue.take()];
    queue.push("a");
    queue.push("b");
    expect(await Promise.all(takes)).toEqual(["a", "b"]);
    expect(queue.length).toBe(0);
  });

  it("does not lose an item to a taker that gave up", async () => {
    const queue = new BoundedQueue<string>({ lengthMax: 1, onFull: "refuse" });
    const control = new AbortController();
    const abandoned = queue.take(control.signal);
    control.abort();
    await expect(abandoned).rejects.toMatchObject({ code: "cancelled" });
    queue.push("a");
    expect(await queue.take()).toBe("a");
    await expect(queue.take(control.signal)).rejects.toMatchObject({ code: "cancelled" });
  });

  it("ends an iteration after what was in it, and takers with it, when closed", async () => {
    const queue = new BoundedQueue<number>({ lengthMax: 5, onFull: "refuse" });
    queue.push(1);
    queue.push(2);
    const seen: number[] = [];
    for await (const item of queue) {
      seen.push(item);
      if (item === 1) queue.close();
    }
    expect(seen).toEqual([1, 2]);
    expect(queue.push(3)).toBe(false);
    await expect(queue.take()).rejects.toMatchObject({ code: "cancelled" });
  });

  it("ends a waiting iteration by its signal or by closing", async () => {
    const queue = new BoundedQueue<number>({ lengthMax: 5, onFull: "refuse" });
    const control = new AbortController();
    const byAbort = Array.fromAsync(queue.items(control.signal));
    const byClose = Array.fromAsync(queue);
    control.abort();
    queue.close();
    expect(await Promise.all([byAbort, byClose])).toEqual([[], []]);
  });
});
