import { describe, expect, it } from "vitest";
import { explainKustomize } from "./explain-kustomize.ts";

const at = { kustomization: "app/kustomization.yaml", paths: new Set(["app/kustomization.yaml", "app/a.yaml"]) };

describe("what kustomize said", () => {
  it("is told at the file that is named last", () => {
    const said =
      "Error: accumulating resources from 'a.yaml': MalformedYAMLError: yaml: line 3: did not find expected key in " +
      "File: a.yaml : must build at directory: '/trees/own/app/a.yaml': file is not directory\n";
    const { where, message } = explainKustomize(said, at);
    expect(where).toEqual({ path: "app/a.yaml", line: 3 });
    expect(message).not.toContain("must build at directory");
  });

  it("takes time in proportion to its length", () => {
    const paths = new Set(Array.from({ length: 5_000 }, (_, index) => `app/directory-${index}/file-${index}.yaml`));
    const began = performance.now();
    explainKustomize(`Error: ${": must build at directory: '".repeat(2_300)}`, { ...at, paths });
    expect(performance.now() - began).toBeLessThan(150);
  });
});
