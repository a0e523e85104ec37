import { describe, expect, it } from "vitest";
import { FairSlots } from "./fair-slots.ts";

const never = new AbortController().signal;

/** Work that runs until it is told how it ended; `started` is in the order of the slots given. */
function bench(options: { slotsMax: number; spareMax: number; waitingMax?: number }) {
  const slots = new FairSlots({ waitingMax: 100, ...options });
  const started: string[] = [];
  const ends = new Map<string, (end: "well" | "killed") => void>();
  const ask = (name: string, signal = never): Promise<unknown> => {
    const [key = ""] = name.split("-");
    const work = () =>
      new Promise<"well" | "killed">((resolve) => {
        started.push(name);
        ends.set(name, resolve);
      });
    return slots.use(key, signal, work, (end) => end === "killed");
  };
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const end = async (name: string, how: "well" | "killed" = "well") => {
    ends.get(name)?.(how);
    await settle();
  };
  return { slots, started, ask, end, settle };
}

describe("fair slots", () => {
  it("gives all of them to one key while nobody else asks, and takes turns once somebody does", async () => {
    const { started, ask, end, settle } = bench({ slotsMax: 2, spareMax: 0 });
    for (const name of ["a-1", "a-2", "a-3", "a-4", "b-1", "b-2", "c-1"]) void ask(name);
    await settle();
    expect(started).toEqual(["a-1", "a-2"]);
    for (const name of ["a-1", "a-2", "a-3", "b-1", "c-1"]) await end(name);
    expect(started).toEqual(["a-1", "a-2", "a-3", "b-1", "c-1", "a-4", "b-2"]);
  });

  it("has a spare one for a key that holds none", async () => {
    const { started, ask, settle } = bench({ slotsMax: 2, spareMax: 1 });
    for (const name of ["a-1", "a-2", "a-3", "b-1", "b-2", "c-1"]) void ask(name);
    await settle();
    expect(started).toEqual(["a-1", "a-2", "b-1"]);
  });

  it("holds a key to one slot after something of it was killed, until something ends well", async () => {
    const { started, ask, end, settle } = bench({ slotsMax: 2, spareMax: 1 });
    for (const name of ["a-1", "a-2", "a-3", "a-4", "a-5"]) void ask(name);
    await settle();
    await end("a-1", "killed");
    expect(started).toEqual(["a-1", "a-2"]);
    await end("a-2", "killed");
    expect(started).toEqual(["a-1", "a-2", "a-3"]);
    await end("a-3");
    expect(started).toEqual(["a-1", "a-2", "a-3", "a-4", "a-5"]);
  });

  it("lets whoever waits leave, and refuses more than its bound", async () => {
    const { started, ask, end, settle } = bench({ slotsMax: 1, spareMax: 0, waitingMax: 1 });
    const control = new AbortController();
    void ask("a-1");
    const leaving = expect(ask("a-2", control.signal)).rejects.toMatchObject({ code: "cancelled" });
    await expect(ask("a-3")).rejects.toMatchObject({ code: "unavailable", isRetryable: true });
    control.abort();
    await leaving;
    void ask("b-1");
    await settle();
    await end("a-1");
    expect(started).toEqual(["a-1", "b-1"]);
  });

  it("gives the slot back when the work throws, and cancels who waits when it is closed", async () => {
    const { slots, started, ask } = bench({ slotsMax: 1, spareMax: 0 });
    await expect(slots.use("a", never, () => Promise.reject(new Error("x")), Boolean)).rejects.toThrow("x");
    void ask("a-1");
    const waiting = expect(ask("a-2")).rejects.toMatchObject({ code: "cancelled" });
    slots.close();
    await waiting;
    await expect(ask("a-3")).rejects.toMatchObject({ code: "cancelled" });
    expect(started).toEqual(["a-1"]);
  });
});
