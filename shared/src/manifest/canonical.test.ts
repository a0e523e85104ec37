import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "./canonical.ts";

describe("canonicalJson", () => {
  it("orders keys at every depth and keeps lists as they are", () => {
    expect(canonicalJson({ b: [{ z: 1, a: [3, 1] }], a: "x", B: 1, é: 2, "": 0 })).toBe(
      '{"":0,"B":1,"a":"x","b":[{"a":[3,1],"z":1}],"é":2}',
    );
  });

  it("drops what the API server writes, at the top only, and nothing else", () => {
    const metadata = { name: "a", creationTimestamp: null, managedFields: [{ manager: "x" }] };
    expect(
      canonicalJson({
        kind: "Deployment",
        metadata,
        status: { replicas: 1 },
        spec: { status: 1, template: { metadata: { creationTimestamp: null, managedFields: 1 } }, nothing: null },
      }),
    ).toBe(
      '{"kind":"Deployment","metadata":{"name":"a"},"spec":{"nothing":null,"status":1,"template":{"metadata":{"creationTimestamp":null,"managedFields":1}}}}',
    );
    expect(canonicalJson({ metadata: { creationTimestamp: "2026-01-01T00:00:00Z" } })).toContain("2026");
  });

  it.each([
    [0.1, "0.1"],
    [-0, "0"],
    [1e21, "1e+21"],
    [1e-7, "1e-7"],
    [100, "100"],
    [9007199254740991, "9007199254740991"],
  ])("prints %d as %s", (value, text) => expect(canonicalJson({ value })).toBe(`{"value":${text}}`));

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 10n, Symbol("x"), () => 0])("refuses what is no JSON: %s", (value) =>
    expect(() => canonicalJson({ value })).toThrow(/no canonical form/),
  );

  it("ends a cycle with an error", () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    expect(() => canonicalJson(cycle)).toThrow(/too deeply/);
  });

  it("means the same as the object, whatever the order of its keys", () => {
    const key = fc.string().filter((text) => text !== "__proto__");
    fc.assert(
      fc.property(fc.dictionary(key, fc.jsonValue()), (object) => {
        const spec = { spec: object };
        const reversed = { spec: Object.fromEntries(Object.entries(object).reverse()) };
        expect(JSON.parse(canonicalJson(spec))).toEqual(JSON.parse(JSON.stringify(spec)));
        expect(canonicalJson(reversed)).toBe(canonicalJson(spec));
      }),
      { numRuns: 200 },
    );
  });
});
