// What kustomize makes of every case in shared/fixtures/kustomize-transform, for the tests of Muster's own overrides:
//
//   node scripts/generate-kustomize-fixtures.ts [KUSTOMIZE]     write expected.json
//
// To be run by hand when cases or the pinned kustomize change. Without an argument it takes the binary that
// `npm run control-plane` builds.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load, loadAll } from "js-yaml";
import { binaryPath } from "../e2e/control-plane/build/cache-folder.ts";
import { tools } from "../e2e/control-plane/versions.ts";
import type { BundleTransform } from "../hub/src/ports/bundler.ts";
import { repositoryRoot } from "./repository.ts";

interface Case {
  readonly name: string;
  readonly resources: string;
  readonly transform: BundleTransform;
}

const kustomize = process.argv[2] ?? binaryPath(tools.kustomize, "kustomize");
const folder = join(repositoryRoot, "shared/fixtures/kustomize-transform");
const cases = load(readFileSync(join(folder, "cases.yaml"), "utf8")) as Case[];
const expected = Object.fromEntries(cases.map((each) => [each.name, build(each)]));
const content = { kustomize: tools.kustomize.version, cases: expected };
writeFileSync(join(folder, "expected.json"), `${JSON.stringify(content, null, 1)}\n`);

/** The objects, or what kustomize says is wrong. */
function build({ resources, transform }: Case): { objects: unknown[] } | { error: string } {
  const work = mkdtempSync(join(tmpdir(), "muster-kustomize-"));
  try {
    writeFileSync(join(work, "resources.yaml"), resources);
    writeFileSync(join(work, "kustomization.yaml"), JSON.stringify(kustomizationOf(transform)));
    const output = execFileSync(kustomize, ["build", work], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    return { objects: loadAll(output) };
  } catch (error) {
    const said = String((error as { stderr?: unknown }).stderr ?? error);
    return { error: said.replaceAll(work, "").trim().split("\n").at(-1) ?? "" };
  } finally {
    rmSync(work, { recursive: true });
  }
}

function kustomizationOf({ patches = [], images, replicas, namePrefix }: BundleTransform): object {
  return {
    resources: ["resources.yaml"],
    patches: patches.map(({ target, patch }) => ({
      ...(target === undefined ? {} : { target }),
      // It wants a kind and a name even where the target says which object is meant.
      patch: JSON.stringify(
        patch.kind === "json6902"
          ? patch.operations
          : {
              apiVersion: "any/v1",
              kind: "Any",
              ...patch.merge,
              metadata: { name: "any", ...(patch.merge.metadata ?? {}) },
            },
      ),
    })),
    ...(images ? { images } : {}),
    ...(replicas ? { replicas } : {}),
    ...(namePrefix ? { namePrefix } : {}),
  };
}
