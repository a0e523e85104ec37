import { describe, expect, it } from "vitest";
import type { JsonPatchOperation } from "./bundle-transform.ts";
import { applyJsonPatch } from "./json-patch.ts";

const document = () => ({
  a: { b: [1, 2, 3], "x/y": "slash", "m~n": "tilde", "": "empty" },
  list: [{ name: "one" }, { name: "two" }],
  nothing: null,
});

const run = (...operations: object[]) => applyJsonPatch(document(), operations as JsonPatchOperation[]);
const text = JSON.stringify;

describe("a JSON patch", () => {
  it.each<[string, object[], (expected: ReturnType<typeof document> & Record<string, unknown>) => void]>([
    ["adds a key", [{ op: "add", path: "/a/c", value: { d: 1 } }], (e) => Object.assign(e.a, { c: { d: 1 } })],
    ["replaces by adding", [{ op: "add", path: "/a/b", value: 1 }], (e) => Object.assign(e.a, { b: 1 })],
    ["inserts an item", [{ op: "add", path: "/a/b/1", value: 9 }], (e) => e.a.b.splice(1, 0, 9)],
    ["appends an item", [{ op: "add", path: "/a/b/-", value: 9 }], (e) => e.a.b.push(9)],
    ["appends by the next index", [{ op: "add", path: "/a/b/3", value: 9 }], (e) => e.a.b.push(9)],
    ["removes a key", [{ op: "remove", path: "/nothing" }], (e) => delete (e as { nothing?: null }).nothing],
    ["removes an item", [{ op: "remove", path: "/a/b/0" }], (e) => e.a.b.shift()],
    ["replaces null", [{ op: "replace", path: "/nothing", value: 1 }], (e) => Object.assign(e, { nothing: 1 })],
    [
      "replaces in an item",
      [{ op: "replace", path: "/list/1/name", value: "2" }],
      (e) => Object.assign(e.list[1] ?? {}, { name: "2" }),
    ],
    [
      "unescapes",
      [
        { op: "remove", path: "/a/x~1y" },
        { op: "replace", path: "/a/m~0n", value: 1 },
      ],
      (e) => {
        Object.assign(e.a, { "m~n": 1 });
        delete (e.a as { "x/y"?: string })["x/y"];
      },
    ],
    ["knows the empty key", [{ op: "replace", path: "/a/", value: 1 }], (e) => Object.assign(e.a, { "": 1 })],
    [
      "moves",
      [{ op: "move", from: "/list/0/name", path: "/a/name" }],
      (e) => {
        e.list[0] = {} as { name: string };
        Object.assign(e.a, { name: "one" });
      },
    ],
    ["copies", [{ op: "copy", from: "/list/0", path: "/list/-" }], (e) => e.list.push({ name: "one" })],
    [
      "goes on after a test that holds",
      [
        { op: "test", path: "/list", value: [{ name: "one" }, { name: "two" }] },
        { op: "remove", path: "/list" },
      ],
      (e) => delete (e as { list?: unknown }).list,
    ],
    [
      "takes a dangerous word for a key",
      [{ op: "add", path: "/a/__proto__", value: { polluted: 1 } }],
      (e) => Object.defineProperty(e.a, "__proto__", { value: { polluted: 1 }, enumerable: true }),
    ],
  ])("%s", (_, operations, change) => {
    const expected = document();
    change(expected as ReturnType<typeof document> & Record<string, unknown>);
    const result = run(...operations);
    expect(result.kind === "patched" ? text(result.value) : result).toBe(text(expected));
  });

  it("never changes what it is given", () => {
    const before = document();
    const value = { deep: [1] };
    const result = applyJsonPatch(before, [
      { op: "add", path: "/a/c", value },
      { op: "add", path: "/a/c/deep/-", value: 2 },
    ]);
    expect(before).toEqual(document());
    expect(value).toEqual({ deep: [1] });
    expect(result).toMatchObject({ value: { a: { c: { deep: [1, 2] } } } });
    expect((result as { value: { list: unknown } }).value.list).toBe(before.list);
  });

  it.each([
    [{ op: "add", path: "/no/where", value: 1 }, 'there is no "no": the object itself has a, list, nothing'],
    [{ op: "remove", path: "/a/c" }, 'there is no "c": /a has b, x/y, m~n, '],
    [{ op: "replace", path: "/a/x~1z", value: 1 }, 'there is no "x/z": /a has b, x/y, m~n, '],
    [{ op: "replace", path: "/list/2", value: 1 }, 'there is no "2": /list holds 2 items'],
    [{ op: "add", path: "/list/3", value: 1 }, 'there is no "3": /list holds 2 items'],
    [{ op: "remove", path: "/list/-" }, '"-" is no index of a list: /list holds 2 items'],
    [{ op: "remove", path: "/list/01" }, '"01" is no index of a list: /list holds 2 items'],
    [{ op: "remove", path: "/list/name" }, '"name" is no index of a list: /list holds 2 items'],
    [{ op: "add", path: "/a/b/0/c", value: 1 }, "/a/b/0 is 1, not a mapping"],
    [{ op: "add", path: "/nothing/c", value: 1 }, "/nothing is null, not a mapping"],
    [{ op: "test", path: "/list/0", value: { name: "two" } }, 'there is {"name":"one"}, not {"name":"two"}'],
    [{ op: "test", path: "/none", value: null }, 'there is no "none": the object itself has a, list, nothing'],
    [{ op: "move", from: "/a", path: "/a/b/0" }, "a value cannot be moved into itself (from /a)"],
    [{ op: "copy", from: "/toString", path: "/x" }, 'there is no "toString": the object itself has a, list, nothing'],
    [{ op: "add", path: "/constructor/prototype/x", value: 1 }, /there is no "constructor"/],
    [{ op: "add", path: "a", value: 1 }, '"path" must begin with "/"'],
    [{ op: "add", path: "/a" }, '"value" is missing'],
    [{ op: "copy", path: "/a" }, '"from" is missing'],
    [{ op: "delete", path: "/a" }, '"op" is "delete", which is no operation'],
  ])("says what is wrong: %j", (operation, reason) => {
    const result = run({ op: "test", path: "", value: document() }, operation);
    expect(result).toEqual({
      kind: "failed",
      operation: 1,
      reason: reason instanceof RegExp ? expect.stringMatching(reason) : reason,
    });
  });
});
