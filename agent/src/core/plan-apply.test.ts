import type { ObjectRef } from "@muster/shared/model/object-ref.ts";
import { objectKey } from "@muster/shared/model/object-ref.ts";
import { describe, expect, test } from "vitest";
import { formatPlan, type LiveKnowledge, type PlanInput, planApply } from "./plan-apply.ts";

const ref = (name: string, kind = "ConfigMap"): ObjectRef => ({ apiVersion: "v1", kind, namespace: "shop", name });
const present = (over: Partial<Extract<LiveKnowledge, { kind: "present" }>> = {}): LiveKnowledge => ({
  kind: "present",
  uid: "u",
  ownership: { kind: "ours" },
  body: "same",
  drift: [],
  ...over,
});
const drifted = present({ drift: [{ field: "data.x", expected: "1", found: "2", manager: "kubectl" }] });
const others = present({ ownership: { kind: "other-app", hash: "first", app: "default/first" } });
const nobodys = present({ ownership: { kind: "nobody" } });

const plan = (over: Partial<PlanInput> & { is?: Record<string, LiveKnowledge> }) =>
  planApply({
    app: { project: "default", name: "shop" },
    objects: [{ ref: ref("a") }],
    inventory: [],
    live: new Map(Object.entries(over.is ?? {}).map(([name, live]) => [objectKey(ref(name)), live])),
    sync: { adopt: "none", drift: "heal", prune: true },
    createNamespace: null,
    healNotBefore: new Map(),
    isApplied: false,
    takesOver: new Set(),
    now: 1_000,
    ...over,
  });
const entry = (name: string, kind?: string) => ({ ref: ref(name, kind), uid: "u" });
const lines = (over: Parameters<typeof plan>[0]) => formatPlan(plan(over)).split("\n").filter(Boolean);

describe("planApply", () => {
  test.each<[string, Parameters<typeof plan>[0], string]>([
    ["a new object", {}, "apply ConfigMap shop/a: it is not in the cluster"],
    [
      "one whose body changed",
      { is: { a: present({ body: "changed" }) } },
      "apply ConfigMap shop/a: the bundle changes it",
    ],
    ["one as it should be", { is: { a: present() } }, "keep ConfigMap shop/a: as the bundle wants it"],
    ["drift", { is: { a: drifted }, isApplied: true }, "apply ConfigMap shop/a: data.x was changed by kubectl"],
    [
      "drift that is only told",
      { is: { a: drifted }, sync: { adopt: "none", drift: "warn", prune: true } },
      'leave ConfigMap shop/a: data.x was changed by kubectl; drift is "warn"',
    ],
    [
      "drift that keeps coming back",
      { is: { a: drifted }, healNotBefore: new Map([[objectKey(ref("a")), 5_000]]) },
      "wait ConfigMap shop/a: data.x was changed by kubectl, again and again: healing is slowed down",
    ],
    ["a deleted one", { isApplied: true, inventory: [entry("a")] }, "apply ConfigMap shop/a: deleted by somebody"],
    [
      "a deleted one that is only told",
      { isApplied: true, inventory: [entry("a")], sync: { adopt: "none", drift: "off", prune: true } },
      'leave ConfigMap shop/a: deleted by somebody; drift is "off"',
    ],
    [
      "nobody's",
      { is: { a: nobodys } },
      "refuse ConfigMap shop/a: ConfigMap shop/a exists, and Muster did not make it; it is left alone.",
    ],
    [
      "nobody's, to be adopted",
      { is: { a: nobodys }, sync: { adopt: "all", drift: "heal", prune: true } },
      'apply ConfigMap shop/a: it exists, and adopt is "all"',
    ],
    [
      "another App's, even to be adopted",
      { is: { a: others }, sync: { adopt: "all", drift: "heal", prune: true } },
      "refuse ConfigMap shop/a: ConfigMap shop/a belongs to default/first; nothing of default/shop is applied in this cluster.",
    ],
    [
      "another App's that it took by force, while the rest is held",
      { is: { a: others }, isApplied: true },
      "refuse ConfigMap shop/a: ConfigMap shop/a belongs to default/first; default/shop leaves it alone.",
    ],
    [
      "one of an App that it takes over from",
      { is: { a: others }, takesOver: new Set(["first"]) },
      "apply ConfigMap shop/a: it is taken over from default/first",
    ],
    [
      "one of another Project, without saying whose it is",
      { is: { a: present({ ownership: { kind: "other-app", hash: "s", app: "secret/plans" } }) } },
      "refuse ConfigMap shop/a: ConfigMap shop/a belongs to an App of another Project; nothing of default/shop is applied in this cluster.",
    ],
    [
      "one of an owner who does not say its name",
      { is: { a: present({ ownership: { kind: "other-app", hash: "s", app: null } }) } },
      "refuse ConfigMap shop/a: ConfigMap shop/a belongs to another App; nothing of default/shop is applied in this cluster.",
    ],
    [
      "one that cannot be read",
      { is: { a: { kind: "unreadable", problem: { code: "Forbidden", message: "no right", where: {} } } } },
      "refuse ConfigMap shop/a: no right",
    ],
  ])("%s", (_, input, expected) => expect(lines(input)).toEqual([expected]));

  test("of a bundle that wants another App's object nothing is applied, and nothing pruned", () => {
    const objects = [{ ref: ref("a") }, { ref: ref("b") }, { ref: ref("c") }];
    const is = { a: others, c: present(), left: present({ uid: "u-left" }) };
    const withheld = "withhold ConfigMap shop/b: not applied: ConfigMap shop/a is another App's";
    for (const inventory of [[], [entry("c"), entry("left")]]) {
      const input = { objects, is, inventory, createNamespace: "shop" };
      expect(lines(input).slice(1)).toEqual([withheld, "keep ConfigMap shop/c: as the bundle wants it"]);
    }
    // The same bundle was wholly applied before: whoever relabels one object does not stop the rest.
    const applied = lines({ objects, is, inventory: [entry("b"), entry("c")], isApplied: true });
    expect(applied).toContain("apply ConfigMap shop/b: deleted by somebody");
  });

  test("what left the bundle is pruned; what cannot be told apart, or is another's, is not", () => {
    const inventory = ["gone", "left", "lost", "renamed", "stolen", "kept"].map((name) => entry(name));
    const is = {
      a: present(),
      gone: { kind: "absent" } as const,
      left: present({ uid: "u-left" }),
      renamed: present(),
      stolen: present({ ownership: { kind: "other-app", hash: "first", app: "default/first" }, uid: "u-stolen" }),
      kept: present({ uid: "u-kept", prune: "false" }),
    };
    expect(lines({ inventory, is }).slice(1).toSorted()).toEqual([
      "forget ConfigMap shop/gone: it is gone",
      "forget ConfigMap shop/renamed: the bundle holds it under another name",
      "forget ConfigMap shop/stolen: it is not ours any more",
      "prune ConfigMap shop/left: it left the bundle",
      'retain ConfigMap shop/kept: kept by muster.dev/prune: "false"',
      "retain ConfigMap shop/lost: its state is not known",
    ]);
  });

  test("prune off, or an empty bundle, deletes nothing", () => {
    const inventory = [entry("left")];
    const is = { left: present() };
    expect(lines({ objects: [], inventory, is })).toEqual([
      "retain ConfigMap shop/left: the bundle is empty, which deletes nothing",
    ]);
    const sync = { adopt: "none", drift: "heal", prune: false } as const;
    expect(lines({ inventory, is, sync }).at(-1)).toBe("retain ConfigMap shop/left: prune is off for this App");
  });

  test.each(["Namespace", "PersistentVolumeClaim", "PersistentVolume"])("a %s waits for consent", (kind) => {
    const held = entry("data", kind);
    const live = (prune?: string) => new Map([[objectKey(held.ref), present(prune === undefined ? {} : { prune })]]);
    const step = (prune?: string) => plan({ inventory: [held], live: live(prune) }).prune.flat()[0];
    expect(step()).toMatchObject({ kind: "retain", awaitsConsent: true });
    expect(step("true")).toMatchObject({ kind: "prune", uid: "u" });
  });

  test("says when to look again", () => {
    const healNotBefore = new Map([[objectKey(ref("a")), 5_000]]);
    expect(plan({ is: { a: drifted }, healNotBefore }).recheckAt).toBe(5_000);
    expect(plan({ is: { a: drifted }, healNotBefore, now: 5_000 }).recheckAt).toBeNull();
  });

  test("the namespace is made only if something is applied", () => {
    expect(plan({ createNamespace: "shop" }).createNamespace).toBe("shop");
    expect(plan({ createNamespace: "shop", is: { a: present() } }).createNamespace).toBeNull();
  });
});
