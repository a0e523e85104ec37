import { decodeBundle } from "@muster/shared/manifest/bundle.ts";
import { problem } from "@muster/shared/model/problem.ts";
import { configMap, deployment, type Manifest, manifestFile } from "@muster/shared/testing/manifests.ts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  BUNDLE_LIMITS,
  type BundleInput,
  type BundleLimits,
  type BundleResult,
  type Bundler,
  type BundleTransform,
} from "./bundler.ts";

const never = new AbortController().signal;
const call = { signal: never, fairnessKey: "https://git.example.com/one.git" };

type Files = Record<string, string | Uint8Array>;

function inputOf(files: Files, limits: Partial<BundleLimits> = {}): BundleInput {
  return {
    files: Object.entries(files).map(([path, content]) => ({
      path,
      bytes: typeof content === "string" ? Buffer.from(content) : content,
    })),
    limits: { ...BUNDLE_LIMITS, ...limits },
  };
}

const problemsOf = (result: BundleResult) => {
  if (result.kind !== "invalid") throw new Error("expected problems");
  for (const each of result.problems) expect(problem.parse(each)).toEqual(each);
  return result.problems;
};

/** Seconds of work for any bundler: many files near the size limit. */
const heavy = (): Files => {
  const file = Buffer.from(`x: [${"{a: 1},".repeat(400_000)}]\n`);
  return Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`heavy-${i}.yaml`, file]));
};

/** `make` gives a bundler that can render at least two inputs at the same time. */
export function bundlerContract(make: () => Bundler): void {
  describe("Bundler", () => {
    let bundler: Bundler;
    beforeEach(() => {
      bundler = make();
    });
    afterEach(() => bundler.close());

    const render = (files: Files, limits: Partial<BundleLimits> = {}, signal = never) =>
      bundler.bundle(inputOf(files, limits), { ...call, signal });

    it("gives a bundle that can be taken apart again", async () => {
      const result = await render({
        "web.yaml": manifestFile(deployment("web", { namespace: "shop" }), configMap("web")),
        "sub/folder/more.json": JSON.stringify(configMap("more", { k: "v" })),
      });
      if (result.kind !== "rendered") throw new Error(JSON.stringify(result));
      const { digest, compressed, bytes, objects } = result.bundle;
      const decoded = decodeBundle(compressed, { bytesMax: 1_000_000, expected: digest });
      expect(decoded.bytes).toBe(bytes);
      expect(decoded.objects.map(({ ref }) => ref)).toEqual(objects);
      expect(objects.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
        "ConfigMap more",
        "ConfigMap web",
        "Deployment web",
      ]);
    });

    it("is deterministic: order of files, their cutting and their spelling change nothing", async () => {
      const [a, b] = [configMap("a", { k: "v", l: "w" }), deployment("b")];
      const renders = await Promise.all([
        render({ "1.yaml": manifestFile(a), "2.yaml": manifestFile(b) }),
        render({ "2.yaml": manifestFile(b), "1.yaml": manifestFile(a) }),
        render({ "all.yml": `# both\n---\n${manifestFile(b, a)}` }),
        render({
          "x/a.json": JSON.stringify({ ...a, data: { l: "w", k: "v" }, status: { old: true } }, null, 2),
          "x/b.yaml": manifestFile({ kind: "List", apiVersion: "v1", items: [b] }),
        }),
      ]);
      const digests = renders.map((result) => (result.kind === "rendered" ? result.bundle.digest : result));
      expect(new Set(digests).size).toBe(1);
      expect(digests[0]).toMatch(/^b1:sha256:/);
      expect(bundler.version).not.toBe("");
    });

    it("reads every file it is given, whatever it is called: choosing them is the renderer's", async () => {
      const result = await render({
        "app/Kustomization": manifestFile(configMap("a")),
        chart: manifestFile(configMap("b")),
      });
      expect(result).toMatchObject({ kind: "rendered", bundle: { objects: [{ name: "a" }, { name: "b" }] } });
    });

    it("names file, line and document of everything that is wrong", async () => {
      const problems = problemsOf(
        await render({
          "a.yaml": `${manifestFile(configMap("a"))}---\napiVersion: v1\nmetadata:\n  name: x\n`,
          "b.yaml": "a: [1\nb: 2\n",
          "c.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n",
          "d.yaml": manifestFile(configMap("d"), configMap("a")),
          "e.yaml": "just text",
        }),
      );
      expect(problems.map(({ code, where }) => [code, where.path, where.line, where.document])).toEqual([
        ["KindMissing", "a.yaml", 7, 2],
        ["InvalidYaml", "b.yaml", 2, 1],
        ["NameMissing", "c.yaml", 3, 1],
        ["InvalidObject", "e.yaml", 1, 1],
        ["DuplicateObject", "d.yaml", 7, 2],
      ]);
      expect(problems.at(-1)?.message).toContain("a.yaml:1");
    });

    it("tells at most 20 problems", async () => {
      expect(problemsOf(await render({ "a.yaml": "a: 1\n---\n".repeat(100) }))).toHaveLength(20);
    });

    it.each([
      ["no files at all", {}],
      ["only comments", { "a.yaml": "# nothing\n---\n", "b.yaml": "" }],
    ])("takes an empty folder for a problem, not for a wish: %s", async (_, files) => {
      const problems = problemsOf(await render(files as unknown as Files));
      expect(problems).toEqual([
        expect.objectContaining({
          code: "NothingRendered",
          fix: expect.stringMatching(/deletes nothing.*delete the App/),
        }),
      ]);
    });

    describe("with variables", () => {
      const file = (text: string) => ({ files: [{ path: "a.yaml", bytes: Buffer.from(text) }], limits: BUNDLE_LIMITS });
      const text =
        'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "a-${cluster.name}"}\ndata: {k: "${A:-x} ${B}"}\n';

      it("leaves them alone unless told, and tells them when asked", async () => {
        const result = await bundler.bundle({ ...file(text), collectReferences: true }, call);
        expect(result).toMatchObject({
          bundle: { objects: [{ name: "a-${cluster.name}" }] },
          references: ["A", "B", "cluster.name"],
        });
        const silent = await render({ "a.yaml": text });
        expect(silent).toMatchObject({
          bundle: { digest: result.kind === "rendered" && result.bundle.digest },
          references: [],
        });
        expect(await bundler.bundle({ ...file(text), substitute: null }, call)).toEqual(silent);
      });

      it("substitutes them, so that equal values are equal bundles", async () => {
        const values = { B: "b", "cluster.name": "prod-1", unused: "1" };
        const options = { substitute: { values }, collectReferences: true };
        const result = await bundler.bundle({ ...file(text), ...options }, call);
        expect(result).toMatchObject({
          bundle: { objects: [{ name: "a-prod-1" }] },
          references: ["A", "B", "cluster.name"],
        });
        const written = await render({ "a.yaml": manifestFile(configMap("a-prod-1", { k: "x b" })) });
        expect(written).toMatchObject({ bundle: { digest: result.kind === "rendered" && result.bundle.digest } });
      });

      it("names one that has no value", async () => {
        const substitute = { values: { "cluster.nam": "x", B: "b" } };
        const problems = problemsOf(await bundler.bundle({ ...file(text), substitute }, call));
        expect(problems).toEqual([
          expect.objectContaining({
            code: "UnknownVariable",
            message: expect.stringContaining("cluster.nam"),
            where: { path: "a.yaml", line: 3, document: 1, field: "metadata.name" },
          }),
        ]);
      });
    });

    describe("with a transform", () => {
      const files = {
        "a.yaml": manifestFile(deployment("web", { image: "web:1" }), configMap("web")),
        "b.yaml": manifestFile(configMap("b")),
      };
      const transform = (change: BundleTransform, more: Files = {}, limits: Partial<BundleLimits> = {}) =>
        bundler.bundle({ ...inputOf({ ...files, ...more }, limits), transform: change }, call);
      const objectsOf = (result: BundleResult): Manifest[] => {
        if (result.kind !== "rendered") throw new Error(JSON.stringify(result));
        const { objects } = decodeBundle(result.bundle.compressed, { bytesMax: 1_000_000 });
        expect(objects.map(({ ref }) => ref)).toEqual(result.bundle.objects);
        return objects.map(({ json }) => JSON.parse(json));
      };

      it("that is empty gives the same bundle", async () => {
        const plain = await render(files);
        expect(await transform({})).toEqual(plain);
        expect(await transform({ namespace: "shop", patches: [], images: [], replicas: [], namePrefix: "" })).toEqual(
          plain,
        );
      });

      it("patches, then sets images and replicas, then prefixes names", async () => {
        const target = { kind: "Deployment" };
        const [b, web, app] = objectsOf(
          await transform({
            patches: [
              {
                target,
                patch: {
                  kind: "strategic",
                  merge: {
                    spec: {
                      template: {
                        spec: { containers: [{ name: "app", envFrom: [{ configMapRef: { name: "web" } }] }] },
                      },
                    },
                  },
                },
              },
              {
                target,
                patch: {
                  kind: "json6902",
                  operations: [{ op: "replace", path: "/spec/template/spec/containers/0/image", value: "other:1" }],
                },
              },
            ],
            images: [{ name: "other", newTag: "2" }],
            replicas: [{ name: "web", count: 7 }],
            namePrefix: "eu-",
          }),
        );
        expect([b?.metadata.name, web?.metadata.name, app?.metadata.name]).toEqual(["eu-b", "eu-web", "eu-web"]);
        expect(app?.spec).toMatchObject({
          replicas: 7,
          template: {
            spec: { containers: [{ name: "app", image: "other:2", envFrom: [{ configMapRef: { name: "eu-web" } }] }] },
          },
        });
      });

      it("sees values that were substituted", async () => {
        const change = {
          patches: [
            { target: { name: "from-v" }, patch: { kind: "strategic", merge: { data: { patched: "${KEPT}" } } } },
          ],
        } as const;
        const input = inputOf({ "v.yaml": manifestFile(configMap("from-${V}")) });
        const result = await bundler.bundle({ ...input, substitute: { values: { V: "v" } }, transform: change }, call);
        expect(objectsOf(result)).toMatchObject([{ metadata: { name: "from-v" }, data: { patched: "${KEPT}" } }]);
      });

      it("finds what it makes twice, and the limits hold for what it makes", async () => {
        const rename = (target: string): BundleTransform => ({
          patches: [
            {
              target: { name: target, kind: "ConfigMap" },
              patch: { kind: "json6902", operations: [{ op: "replace", path: "/metadata/name", value: "b" }] },
            },
          ],
        });
        expect(problemsOf(await transform(rename("web")))).toMatchObject([
          { code: "DuplicateObject", where: { path: "b.yaml" }, message: expect.stringContaining("a.yaml") },
        ]);
        const grow: BundleTransform = {
          patches: [
            { target: { name: "b" }, patch: { kind: "strategic", merge: { data: { big: "x".repeat(5_000) } } } },
          ],
        };
        expect(problemsOf(await transform(grow, {}, { bundleBytesMax: 4_000 }))).toMatchObject([
          { code: "BundleTooLarge", message: expect.stringContaining("ConfigMap b ") },
        ]);
      });

      it("tells a mistake of the files before it is taken for one of the patches", async () => {
        const change: BundleTransform = { replicas: [{ name: "late", count: 1 }] };
        expect(problemsOf(await transform(change, { "z.yaml": "a: [" })).map(({ code }) => code)).toEqual([
          "InvalidYaml",
        ]);
        expect(problemsOf(await transform(change)).map(({ code }) => code)).toEqual(["PatchFailed"]);
      });

      it("of 20,000 objects is done in time", async () => {
        const objects = Array.from({ length: 20_000 }, (_, i) => configMap(`c-${i}`, { k: "v" }));
        const many: Files = Object.fromEntries(
          Array.from({ length: 20 }, (_, i) => [
            `${i}.yaml`,
            manifestFile(...objects.slice(i * 1_000, (i + 1) * 1_000)),
          ]),
        );
        const patch = {
          kind: "json6902",
          operations: [{ op: "add", path: "/metadata/annotations/a", value: "b" }],
        } as const;
        const result = await bundler.bundle(
          { ...inputOf(many), transform: { patches: [{ target: {}, patch }], namePrefix: "p-" } },
          call,
        );
        expect(result.kind === "rendered" && [result.bundle.objects.length, result.bundle.objects[0]?.name]).toEqual([
          20_000,
          "p-c-0",
        ]);
      });
    });

    it("refuses an alias bomb quickly", async () => {
      const levels = Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(10)}]`);
      const started = performance.now();
      const problems = problemsOf(await render({ "bomb.yaml": `a0: &a0 [x,x]\n${levels.join("\n")}` }));
      expect(problems).toEqual([
        expect.objectContaining({ code: "TooManyAliases", where: { path: "bomb.yaml", line: 6, document: 1 } }),
      ]);
      expect(performance.now() - started).toBeLessThan(2_000);
    });

    it("keeps to the limits of files, objects and bundle, and names what is too large", async () => {
      const small = { fileBytesMax: 10_000, objectsMax: 5, bundleBytesMax: 3_000 };
      const big = configMap("big", { text: "x".repeat(2_500) }, { namespace: "shop" });
      const results = await Promise.all([
        render({ "a.yaml": manifestFile(configMap("a", { text: "x".repeat(11_000) })) }, small),
        render({ "a.yaml": manifestFile(...Array.from({ length: 6 }, (_, i) => configMap(`c${i}`))) }, small),
        render({ "a.yaml": manifestFile(configMap("a", { text: "x".repeat(900) }), big) }, small),
      ]);
      const [file, objects, bundle] = results.map((result) => problemsOf(result)[0]);
      expect(file).toMatchObject({ code: "FileTooLarge", where: { path: "a.yaml" } });
      expect(objects).toMatchObject({
        code: "TooManyObjects",
        message: expect.stringMatching(/more than 5 .*6 of ConfigMap in a\.yaml/),
      });
      expect(bundle).toMatchObject({
        code: "BundleTooLarge",
        message: expect.stringMatching(/ConfigMap shop\/big .*ConfigMap a /),
        where: { path: "a.yaml", line: 8 },
      });
    });

    it("renders 20,000 objects and refuses one more", async () => {
      const objects = Array.from({ length: 20_000 }, (_, i) => configMap(`c-${i}`, { k: "v" }));
      const files: Files = Object.fromEntries(
        Array.from({ length: 20 }, (_, i) => [`${i}.yaml`, manifestFile(...objects.slice(i * 1_000, (i + 1) * 1_000))]),
      );
      const result = await render(files);
      expect(result.kind === "rendered" && result.bundle.objects.length).toBe(20_000);
      const problems = problemsOf(await render({ ...files, "one-more.yaml": manifestFile(configMap("more")) }));
      expect(problems.map(({ code }) => code)).toEqual(["TooManyObjects"]);
    });

    it("gives up in time, and works on", async () => {
      const started = performance.now();
      await expect(render(heavy(), { timeoutMsMax: 300 })).rejects.toMatchObject({
        code: "unavailable",
        isRetryable: true,
      });
      expect(performance.now() - started).toBeLessThan(2_000);
      expect(await render({ "a.yaml": manifestFile(configMap("a")) })).toMatchObject({ kind: "rendered" });
    });

    it("stops when told to, before and during the work", async () => {
      const control = new AbortController();
      const during = render(heavy(), {}, control.signal);
      setTimeout(() => control.abort(), 100);
      await expect(during).rejects.toMatchObject({ code: "cancelled" });
      await expect(render({ "a.yaml": "a: 1" }, {}, control.signal)).rejects.toMatchObject({ code: "cancelled" });
    });

    it("lets a hostile input slow nobody else", async () => {
      await render({ "a.yaml": manifestFile(configMap("warm")) });
      const control = new AbortController();
      const hostile = expect(render(heavy(), {}, control.signal)).rejects.toMatchObject({ code: "cancelled" });
      const started = performance.now();
      for (let i = 0; i < 20; i++) {
        expect(await render({ "a.yaml": manifestFile(configMap(`a${i}`)) })).toMatchObject({ kind: "rendered" });
      }
      expect(performance.now() - started).toBeLessThan(2_000);
      control.abort();
      await hostile;
    });

    it("keeps the caller's bytes as they are", async () => {
      const bytes = Buffer.from(manifestFile(configMap("a")));
      const copy = Buffer.from(bytes);
      await render({ "a.yaml": bytes });
      expect(bytes.equals(copy)).toBe(true);
    });

    it("cancels what runs when it is closed, and takes nothing more", async () => {
      const running = expect(render(heavy())).rejects.toMatchObject({ code: "cancelled" });
      await bundler.close();
      await running;
      await expect(render({ "a.yaml": "a: 1" })).rejects.toMatchObject({ code: "cancelled" });
    });
  });
}
