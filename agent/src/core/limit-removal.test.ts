import { describe, expect, it } from "vitest";
import { limitRemoval } from "./limit-removal.ts";
import type { PruneStep } from "./plan-prune.ts";

const ref = (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", namespace: "shop", name });
const prune = (name: string): PruneStep => ({ kind: "prune", ref: ref(name), uid: name, reason: "it left the bundle" });
const forget: PruneStep = { kind: "forget", ref: ref("z"), reason: "it is gone" };
const groups = [
  [prune("a"), prune("b")],
  [prune("c"), forget],
];
const kinds = (of: readonly (readonly PruneStep[])[]) => of.flat().map(({ kind }) => kind);

describe("limitRemoval", () => {
  it.each([
    ["no limit", undefined],
    ["as many as allowed", { approval: null, objectsMax: 3 }],
    ["more, approved", { approval: "ap-1", objectsMax: 0 }],
  ])("lets it be: %s", (_what, limit) => {
    expect(limitRemoval(groups, limit)).toEqual({ groups, problem: null });
  });

  it("deletes none of it when it is one more than allowed, and says so", () => {
    const limited = limitRemoval(groups, { approval: null, objectsMax: 2 });
    expect(kinds(limited.groups)).toEqual(["retain", "retain", "retain", "forget"]);
    expect(limited.problem).toMatchObject({
      code: "RemovalNeedsApproval",
      message: expect.stringContaining("3 objects would be deleted at once, and 2 may go without approval"),
    });
  });
});
