import { describe, expect, it } from "vitest";
import { problem } from "../model/problem.ts";
import { referencesIn, substituteText, substituteValue } from "./substitute-value.ts";

const values = { NAME: "shop", "cluster.name": "prod-1" };

describe("variables in Muster's own fields", () => {
  it("are substituted in one text", () => {
    expect(substituteText("clusters/${cluster.name}", values)).toEqual({
      kind: "substituted",
      text: "clusters/prod-1",
    });
    const invalid = substituteText("clusters/${cluster.nam}", values);
    expect(invalid).toMatchObject({ kind: "invalid", problem: { code: "UnknownVariable", where: {} } });
    if (invalid.kind === "invalid") expect(problem.parse(invalid.problem)).toEqual(invalid.problem);
  });

  it("are substituted at every depth, and keys stay", () => {
    const value = { host: "${cluster.name}.example.com", list: [1, null, true, { "${NAME}": "${NAME}" }] };
    expect(substituteValue(value, values)).toEqual({
      kind: "substituted",
      value: { host: "prod-1.example.com", list: [1, null, true, { "${NAME}": "shop" }] },
    });
    expect(value.host).toBe("${cluster.name}.example.com");
  });

  it("leave what holds none as the very same value", () => {
    const value = { a: [1, { b: "x" }] };
    expect(substituteValue(value, values)).toEqual({ kind: "substituted", value });
    const result = substituteValue(value, values);
    expect(result.kind === "substituted" && result.value).toBe(value);
  });

  it("name the field of everything that is wrong, at most 20", () => {
    expect(substituteValue({ env: [{ value: "${A}" }], x: "${}" }, values)).toEqual({
      kind: "invalid",
      problems: [
        expect.objectContaining({ code: "UnknownVariable", where: { field: "env.0.value" } }),
        expect.objectContaining({ code: "InvalidSubstitution", where: { field: "x" } }),
      ],
    });
    const many = substituteValue(Array(100).fill("${A}"), values);
    expect(many.kind === "invalid" && many.problems).toHaveLength(20);
  });

  it("keep keys that only look dangerous", () => {
    const value = JSON.parse('{"__proto__": {"a": "${NAME}"}}');
    const result = substituteValue(value, values);
    expect(JSON.stringify(result)).toBe('{"kind":"substituted","value":{"__proto__":{"a":"shop"}}}');
  });

  it("can be listed without values", () => {
    expect(referencesIn({ a: "${B}", c: ["${A:-${D}}", 1, null] })).toEqual(["A", "B", "D"]);
  });
});
