import { describe, expect, test } from "vitest";
import { entriesThatLeft, sameInventory, settleInventory, unionInventory } from "./inventory.ts";

const ref = (name: string, apiVersion = "v1") => ({ apiVersion, kind: "ConfigMap", namespace: "n", name });

describe("inventory", () => {
  test("the union keeps what is held, uids included, and adds what comes", () => {
    expect(unionInventory([{ ref: ref("a"), uid: "1" }], [ref("a"), ref("b")])).toEqual([
      { ref: ref("a"), uid: "1" },
      { ref: ref("b") },
    ]);
  });

  test("an object under another version of its API is the same object", () => {
    const held = [{ ref: { ...ref("a"), apiVersion: "apps/v1beta1" }, uid: "1" }];
    const now = [{ ...ref("a"), apiVersion: "apps/v1" }];
    expect(entriesThatLeft(held, now)).toEqual([]);
    expect(unionInventory(held, now)).toEqual([{ ref: now[0], uid: "1" }]);
  });

  test("settling learns uids and drops what is gone", () => {
    const settled = settleInventory([{ ref: ref("a") }, { ref: ref("b"), uid: "2" }], {
      uids: new Map([["/ConfigMap/n/a", "1"]]),
      gone: new Set(["/ConfigMap/n/b"]),
    });
    expect(settled).toEqual([{ ref: ref("a"), uid: "1" }]);
    expect(sameInventory(settled, [{ ref: ref("a"), uid: "1" }])).toBe(true);
    expect(sameInventory(settled, [{ ref: ref("a") }])).toBe(false);
  });
});
