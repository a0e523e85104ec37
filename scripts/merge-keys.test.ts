import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tools } from "../e2e/control-plane/versions.ts";
import { repositoryRoot } from "./repository.ts";

const read = (path: string): string => readFileSync(join(repositoryRoot, path), "utf8");

// Neither is generated in the build, which has no Go: whoever changes a version is reminded here.
test("the merge keys are those of the Kubernetes versions that the tests run on", () => {
  const { "kubernetes-older": older, "kubernetes-newest": newest } = tools;
  expect(read("hub/src/core/transform/generated/merge-keys.ts"), "run scripts/generate-merge-keys.ts").toContain(
    `k8s.io/kubernetes ${older.version} and ${newest.version} `,
  );
});

test("overrides are compared with the kustomize that renders", () => {
  const { kustomize } = JSON.parse(read("shared/fixtures/kustomize-transform/expected.json"));
  expect(kustomize, "run scripts/generate-kustomize-fixtures.ts").toBe(tools.kustomize.version);
});
