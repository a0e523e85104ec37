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

/** Where the API server and kustomize disagree, or where Muster would rather ask. */
const DIFFERENCES: Record<string, string> = {
  "a mapping deleted": "the API server leaves it empty, kustomize takes it out",
  "a directive that is none": "the API server takes no notice of it",
};

describe("as Kubernetes' own strategic merge patch", () => {
  it.for(fixture<Input>("inputs").filter(({ name }) => !(name in DIFFERENCES)))("$name", ({ name, object, patch }) => {
    const answer = answers.find((each) => each.name === name);
    const before = JSON.stringify(object);
    const result = mergeStrategic(object, patch);
    if (answer?.result) expect(result).toEqual({ kind: "merged", value: answer.result });
    else expect([answer?.error, result]).toEqual([expect.any(String), expect.objectContaining({ kind: "failed" })]);
    expect(JSON.stringify(object)).toBe(before);
  });
});

describe("other than Kubernetes' own", () => {
  const inputs = fixture<Input>("inputs");
  const run = (name: string) => {
    const { object, patch } = inputs.find((each) => each.name === name) as Input;
    return mergeStrategic(object, patch);
  };

  it("a mapping that is deleted is gone", () => {
    const result = run("a mapping deleted");
    expect(result.kind === "merged" && JSON.stringify(result.value)).not.toContain("nodeSelector");
  });

  it("a directive that is none is refused with its place", () => {
    expect(run("a directive that is none")).toEqual({
      kind: "failed",
      path: ["spec", "template", "spec", "nodeSelector"],
      reason: '"$patch" is "remove", and can be delete, replace or merge',
    });
  });
});
