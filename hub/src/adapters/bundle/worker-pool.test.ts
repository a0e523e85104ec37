import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, it, vi } from "vitest";
import { WorkerCrash, WorkerPool, type WorkerPoolOptions } from "./worker-pool.ts";

/** Answers numbers with their double, waits for ever at "hang", spins at "spin", dies at "die", exits at "exit". */
const program = `
  const { parentPort } = require("node:worker_threads");
  parentPort.on("message", (task) => {
    if (task === "hang") return;
    if (task === "spin") for (;;) {}
    if (task === "die") throw new Error("bug");
    if (task === "exit") process.exit(3);
    parentPort.postMessage(task * 2);
  });
`;

const pools: WorkerPool[] = [];
afterEach(() => Promise.all(pools.splice(0).map((pool) => pool.close())));

function makePool(options: Partial<WorkerPoolOptions> = {}) {
  const started: Worker[] = [];
  const pool = new WorkerPool({
    startWorker: () => {
      const worker = new Worker(program, { eval: true });
      started.push(worker);
      return worker;
    },
    workersMax: 2,
    spareMax: 1,
    queueLengthMax: 10,
    idleMs: 60_000,
    ...options,
  });
  pools.push(pool);
  const run = (message: unknown, opts: { timeoutMs?: number; signal?: AbortSignal; group?: string } = {}) =>
    pool.run<number>({
      message,
      group: opts.group ?? "one",
      what: "doubling",
      timeoutMs: opts.timeoutMs ?? 10_000,
      signal: opts.signal ?? new AbortController().signal,
    });
  return { pool, run, started };
}

describe("WorkerPool", () => {
  it("answers each task with its own answer, on few workers", async () => {
    const { run, started } = makePool();
    expect(await Promise.all([1, 2, 3, 4, 5, 6, 7].map((task) => run(task)))).toEqual([2, 4, 6, 8, 10, 12, 14]);
    expect(started).toHaveLength(2);
  });

  it("ends a worker that is stuck, and goes on with another", async () => {
    const { pool, run, started } = makePool({ workersMax: 1 });
    const stuck = run("spin", { timeoutMs: 100 });
    const next = run(4);
    await expect(stuck).rejects.toMatchObject({ code: "unavailable", message: "doubling took longer than 100 ms" });
    expect(await next).toBe(8);
    expect(started).toHaveLength(2);
    expect(pool.size).toBe(1);
  });

  it("says that no worker was free in time, and spares the worker", async () => {
    const { run, started } = makePool({ workersMax: 1 });
    const control = new AbortController();
    const hanging = expect(run("hang", { signal: control.signal })).rejects.toMatchObject({ code: "cancelled" });
    await expect(run(1, { timeoutMs: 50 })).rejects.toMatchObject({
      code: "unavailable",
      message: "doubling found no free worker within 50 ms",
    });
    expect(started).toHaveLength(1);
    control.abort();
    await hanging;
  });

  it("forgets a waiting task that was cancelled", async () => {
    const { run, started } = makePool({ workersMax: 1 });
    const control = new AbortController();
    const first = run(1);
    const second = run(2, { signal: control.signal });
    control.abort();
    await expect(second).rejects.toMatchObject({ code: "cancelled" });
    expect(await first).toBe(2);
    expect(await run(3)).toBe(6);
    expect(started).toHaveLength(1);
  });

  it("tells a crash to whom it concerns, and replaces the worker", async () => {
    const onCrash = vi.fn();
    const { run } = makePool({ workersMax: 1, onCrash });
    for (const task of ["die", "exit"]) await expect(run(task)).rejects.toBeInstanceOf(WorkerCrash);
    expect(await run(5)).toBe(10);
    expect(onCrash).toHaveBeenCalledTimes(2);
  });

  it("lets idle workers go, and starts one ahead when told that work is coming", async () => {
    const { pool, run } = makePool({ idleMs: 20 });
    const both = Promise.all([run(1), run(2)]);
    expect(pool.size).toBe(2);
    await both;
    await vi.waitFor(() => expect(pool.size).toBe(0));
    pool.warm();
    pool.warm();
    expect(pool.size).toBe(1);
    expect(await run(3)).toBe(6);
    pool.warm();
    await vi.waitFor(() => expect(pool.size).toBe(0));
  });

  it("has a worker for whom none works, while another group keeps all of them busy", async () => {
    const { pool, run } = makePool({ workersMax: 1 });
    const hanging = ["hang", "hang", "hang"].map((task) => run(task, { group: "hostile" }).catch(() => {}));
    expect(await run(1, { group: "other" })).toBe(2);
    expect(await run(2, { group: "other" })).toBe(4);
    expect(pool.size).toBe(2);
    await pool.close();
    await Promise.all(hanging);
  });

  it("lets groups take turns", async () => {
    const { run } = makePool({ workersMax: 1, spareMax: 0 });
    const order: string[] = [];
    const noting = (name: string, group: string) => run(1, { group }).then(() => order.push(name));
    await Promise.all([noting("a1", "a"), noting("a2", "a"), noting("a3", "a"), noting("b1", "b")]);
    expect(order).toEqual(["a1", "a2", "b1", "a3"]);
  });

  it("closes at once, whatever runs", async () => {
    const { pool, run } = makePool({ workersMax: 1 });
    const settled = Promise.allSettled([run("spin"), run(1)]);
    await pool.close();
    expect((await settled).map((each) => each.status === "rejected" && each.reason.code)).toEqual([
      "cancelled",
      "cancelled",
    ]);
    await expect(run(1)).rejects.toMatchObject({ code: "cancelled" });
    expect(pool.size).toBe(0);
  });
});
