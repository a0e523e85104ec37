import { expect, it } from "vitest";
import { SharedWork } from "./shared-work.ts";

const never = new AbortController().signal;

function pieceOfWork() {
  const started: { signal: AbortSignal; finish: (value: string) => void; fail: (error: Error) => void }[] = [];
  const work = (signal: AbortSignal): Promise<string> =>
    new Promise((finish, fail) => {
      started.push({ signal, finish, fail });
    });
  return { started, work };
}

it("is done once for all who want it at the same time, and again later", async () => {
  const shared = new SharedWork<string>();
  const { started, work } = pieceOfWork();
  const both = [1, 2].map(() => shared.run("a", work, { what: "work", signal: never }));
  started[0]?.finish("done");
  expect(await Promise.all(both)).toEqual(["done", "done"]);
  const later = shared.run("a", work, { what: "work", signal: never });
  started[1]?.finish("again");
  expect(await later).toBe("again");
  expect(started.length).toBe(2);
});

it("goes on while somebody waits, and stops when nobody does", async () => {
  const shared = new SharedWork<string>();
  const { started, work } = pieceOfWork();
  const [first, second] = [new AbortController(), new AbortController()];
  const waits = [first, second].map(({ signal }) => shared.run("a", work, { what: "work", signal }));
  first.abort();
  await expect(waits[0]).rejects.toMatchObject({ code: "cancelled" });
  expect(started[0]?.signal.aborted).toBe(false);
  second.abort();
  await expect(waits[1]).rejects.toMatchObject({ code: "cancelled" });
  expect(started[0]?.signal.aborted).toBe(true);
  const next = shared.run("a", work, { what: "work", signal: never });
  started[1]?.finish("new");
  expect(await next).toBe("new");
});

it("fails for all, and leaves nothing behind", async () => {
  const shared = new SharedWork<string>();
  const { started, work } = pieceOfWork();
  const both = [1, 2].map(() => shared.run("a", work, { what: "work", signal: never }));
  started[0]?.fail(new Error("broken"));
  for (const one of both) await expect(one).rejects.toThrow("broken");
  await expect(shared.run("a", work, { what: "work", signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: "cancelled",
  });
  expect(started.length).toBe(1);
});
