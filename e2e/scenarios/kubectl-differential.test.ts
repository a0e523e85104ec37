import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { canonicalJson } from "@muster/shared/manifest/canonical.ts";
import { parseManifests } from "@muster/shared/manifest/parse.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeWithClusters } from "../control-plane/describe-with-clusters.ts";
import type { TestCluster } from "../control-plane/provider.ts";
import { CORPUS, type CorpusFile } from "./kubectl-corpus.ts";

interface Input {
  readonly name: string;
  readonly yaml: string;
}

type Reading = { readonly objects: readonly string[] } | { readonly error: string };

// What Muster reads in a file is what the real kubectl reads in it, or Muster says why not.
await describeWithClusters(
  "manifests are read as kubectl reads them",
  { clusters: 1, controllers: false },
  (controlPlane) => {
    let cluster: TestCluster;
    let folder: string;

    beforeAll(async () => {
      cluster = controlPlane().clusters[0] as TestCluster;
      folder = await mkdtemp(join(tmpdir(), "muster-kubectl-"));
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    test.for(CORPUS)("$name", async ({ text, refused, taken }: CorpusFile) => {
      const [theirs, ours] = [await kubectlReads(text), musterReads(text)];
      if (refused !== undefined) {
        expect({ theirs, ours }).toEqual({
          theirs: { objects: expect.any(Array) },
          ours: { error: expect.any(String) },
        });
      } else if (taken !== undefined) {
        expect({ theirs, ours }).toEqual({
          theirs: { error: expect.any(String) },
          ours: { objects: expect.any(Array) },
        });
      } else if ("error" in theirs) {
        expect(ours).toEqual({ error: expect.any(String) });
      } else {
        expect(ours).toEqual(theirs);
      }
    });

    // The values that the reader is tested with in the small, each in an object, all read at once.
    test("values of every kind", async () => {
      const [inputs, expected] = await Promise.all([fixture<Input>("inputs"), fixture<{ json?: string }>("expected")]);
      const files = inputs
        .filter((_, index) => expected[index]?.json !== undefined)
        .map(({ name, yaml }, index) => ({ name, id: `v-${index}`, text: inObject(`v-${index}`, yaml) }))
        .filter(({ text }) => "objects" in musterReads(text));
      expect(files.length).toBeGreaterThan(100);
      await Promise.all(files.map(({ id, text }) => writeFile(join(folder, `${id}.yaml`), text)));
      const theirs = new Map(objectsIn(await create(["-f", folder])).map((json) => [nameIn(json), json]));
      // Line breaks of YAML 1.1 alone: the reader's own test says why.
      const meant = files.filter(({ name }) => !/line separators/.test(name));
      const read = meant.map(({ id, name, text }) => ({
        name,
        ours: musterReads(text),
        theirs: { objects: [theirs.get(id)] },
      }));
      expect(read.filter(({ ours, theirs }) => JSON.stringify(ours) !== JSON.stringify(theirs))).toEqual([]);
    });

    const create = (args: readonly string[], stdin?: string): Promise<string> =>
      cluster.kubectl(
        ["create", "--dry-run=client", "--validate=false", "--output=json", ...args],
        stdin === undefined ? {} : { stdin },
      );

    async function kubectlReads(text: string): Promise<Reading> {
      try {
        return { objects: objectsIn(await create(["-f", "-"], text)) };
      } catch (error) {
        return { error: String(error) };
      }
    }
  },
);

function musterReads(text: string): Reading {
  const { manifests, problems } = parseManifests({ path: "a.yaml", bytes: Buffer.from(text) });
  if (problems.length > 0) return { error: problems.map(({ message }) => message).join("\n") };
  return { objects: manifests.map(({ object }) => canonicalJson(object)) };
}

async function fixture<T>(name: string): Promise<T[]> {
  const url = new URL(`../../shared/fixtures/kubernetes-yaml/${name}.json`, import.meta.url);
  return JSON.parse(await readFile(url, "utf8"));
}

const inObject = (name: string, yaml: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\nx:\n${yaml.replace(/^(?=.)/gm, "  ")}\n`;

const nameIn = (json: string): string => JSON.parse(json).metadata.name;

/** kubectl prints a JSON text for each object, one after another, and gives each the namespace it would have. */
function objectsIn(output: string): string[] {
  const texts = output.split(/(?<=^\})\n/m).filter((text) => text.trim() !== "");
  return texts.map((text) => {
    const object = JSON.parse(text);
    if (object.metadata?.namespace === "default") delete object.metadata.namespace;
    return canonicalJson(object);
  });
}
