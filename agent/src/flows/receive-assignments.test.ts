import { type Assignment, assignment, CAPABILITIES } from "@muster/shared/model/assignment.ts";
import { FakeClock } from "@muster/shared/testing/fake-clock.ts";
import { encodeAssignment } from "@muster/shared/wire/assignment.ts";
import { expect, it } from "vitest";
import { AppBook } from "./app-book.ts";
import { receiveAssignment } from "./receive-assignments.ts";
import type { Trust } from "./trust.ts";

const trust = { verify: () => null } as unknown as Trust;

function receive(book: AppBook, clusterId: string, given: { for: string; generation: number }) {
  const made: Assignment = assignment.parse({
    hubId: "hub",
    clusterId: given.for,
    app: { uid: "uid-1", project: "default", name: "shop" },
    epoch: { number: 1, tag: "a" },
    generation: given.generation,
    requires: [],
    content: { kind: "remove", action: "keep" },
  });
  const signed = { payload: encodeAssignment(made), keyId: "k", signature: new Uint8Array(64) };
  const context = { trust, hubId: "hub", clusterId, capabilities: CAPABILITIES, clock: new FakeClock() };
  const received = receiveAssignment(context, book, signed);
  return received.kind === "refused" ? received.problem.code : received.kind;
}

it("orders assignments by the mark that is held", () => {
  const book = new AppBook();
  expect(receive(book, "c-1", { for: "c-1", generation: 5 })).toBe("accepted");
  expect(receive(book, "c-1", { for: "c-1", generation: 5 })).toBe("same");
  expect(receive(book, "c-1", { for: "c-1", generation: 4 })).toBe("GenerationOlder");
});

it("orders anew in a cluster that joined anew: its former marks were given to another cluster id", () => {
  const book = new AppBook();
  expect(receive(book, "c-1", { for: "c-1", generation: 5 })).toBe("accepted");
  expect(receive(book, "c-2", { for: "c-2", generation: 5 })).toBe("accepted");
  expect(receive(book, "c-2", { for: "c-2", generation: 4 })).toBe("GenerationOlder");
  expect(receive(book, "c-2", { for: "c-1", generation: 6 })).toBe("WrongCluster");
});
