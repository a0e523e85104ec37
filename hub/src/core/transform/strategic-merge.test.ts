import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { mergeStrategic } from "./strategic-merge.ts";

interface Input {
  readonly name: string;
  readonly object: Record<string, unknown>;
  readonly patch: Record<string, unknown>;
}

const fixture = <T>(name: string): T[] =>
  JSON.parse(
    readFileSync(new URL(`../../../../shared/fixtures/strategic-merge/${name}.json`, import.meta.url), "utf8"),
  );
const answers = fixture<{ name: string; result?: object; error?: string }>("expected");

describe("as Kubernetes' own strategic merge patch", () => {
  it.for(fixture<Input>("inputs"))("$name", ({ name, object, patch }) => {
    const answer = answers.find((each) => each.name === name);
    const before = JSON.stringify(object);
    const result = mergeStrategic(object, patch);
    if (answer?.result) expect(result).toEqual({ kind: "merged", value: answer.result });
    else expect([answer?.error, result]).toEqual([expect.any(String), expect.objectContaining({ kind: "failed" })]);
    expect(JSON.stringify(object)).toBe(before);
  });
});
