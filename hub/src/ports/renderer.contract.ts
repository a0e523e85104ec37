import { problem } from "@muster/shared/model/problem.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chartArchive } from "../adapters/charts/testing/chart-archive.ts";
import { type MemoryFile, MemoryTree } from "../testing/memory-tree.ts";
import {
  helmOptions,
  kustomizeOptions,
  plainOptions,
  type RenderThroughOptions,
  renderThrough,
  traceThrough,
} from "../testing/render-through.ts";
import type { Renderer, RendererKind, RenderOptions, RenderResult } from "./renderer.ts";

type Files = Readonly<Record<string, MemoryFile>>;

export interface RendererSubject {
  readonly renderers: Readonly<Record<RendererKind, Renderer>>;
  close(): Promise<void>;
}

const configMap = (name: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n`;
const chartYaml = (name = "shop", more = ""): string => `apiVersion: v2\nname: ${name}\nversion: 1.0.0\n${more}`;
const kustomization = (text: string): string =>
  `apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n${text}`;

const textOf = (result: RenderResult): string => {
  if (result.kind !== "rendered") throw new Error(JSON.stringify(result.problems));
  return result.manifests.map(({ bytes }) => new TextDecoder().decode(bytes)).join("");
};

const problemsOf = (result: RenderResult) => {
  if (result.kind !== "invalid") throw new Error(`expected problems, got ${textOf(result)}`);
  for (const each of result.problems) expect(problem.parse(each)).toEqual(each);
  return result.problems;
};

/** What comes before the first colon is of no interest to these tests; what a problem says and where, is. */
const told = (result: RenderResult) =>
  problemsOf(result).map(
    ({ code, where }) => `${code} ${where.path}${where.line === undefined ? "" : `:${where.line}`}`,
  );

/** `make` gives all renderers of one kind of adapter, those that need a tool only when `withTools`. */
export function rendererContract(make: () => Promise<RendererSubject>, { withTools }: { withTools: boolean }): void {
  let subject: RendererSubject;
  beforeAll(async () => {
    subject = await make();
  });
  afterAll(() => subject.close());

  const through = (files: Files, options: RenderOptions, more: RenderThroughOptions = {}): Promise<RenderResult> =>
    renderThrough(subject.renderers[options.kind], new MemoryTree(files), options, more);
  const closure = (files: Files, options: RenderOptions, more: RenderThroughOptions = {}) =>
    traceThrough(subject.renderers[options.kind], new MemoryTree(files), options, more);
  const pathsOf = (list: readonly { readonly path: string }[]) => list.map(({ path }) => path);

  describe("plain", () => {
    const files: Files = {
      "app/a.yaml": configMap("a"),
      "app/b.json": "{}",
      "app/c.yml": configMap("c"),
      "app/README.md": "# read me",
      "app/.hidden/x.yaml": "{{{",
      "app/sub/d.yaml": configMap("d"),
      "app/sub/test/e.yaml": configMap("e"),
      "other/f.yaml": configMap("f"),
    };

    it("gives the files themselves", async () => {
      const result = await through(files, plainOptions());
      if (result.kind !== "rendered") throw new Error(JSON.stringify(result));
      expect(pathsOf(result.manifests)).toEqual([
        "app/a.yaml",
        "app/b.json",
        "app/c.yml",
        "app/sub/d.yaml",
        "app/sub/test/e.yaml",
      ]);
      expect(new TextDecoder().decode(result.manifests[0]?.bytes)).toBe(configMap("a"));
      expect(result.manifests.some(({ isOutput }) => isOutput)).toBe(false);
    });

    it.each<[string, Parameters<typeof plainOptions>[0], string[]]>([
      ["without going below", { recurse: false }, ["app/a.yaml", "app/b.json", "app/c.yml"]],
      ["only what is included", { include: ["*.yaml"] }, ["app/a.yaml", "app/sub/d.yaml", "app/sub/test/e.yaml"]],
      ["not what is excluded", { exclude: ["test/", "*.json", "/c.*"] }, ["app/a.yaml", "app/sub/d.yaml"]],
      ["by folder", { include: ["sub/**"], exclude: ["**/e.yaml"] }, ["app/sub/d.yaml"]],
    ])("reads %s", async (_, options, expected) => {
      expect(pathsOf((await closure(files, plainOptions(options))).files)).toEqual(expected);
    });

    it("depends on its directory, so that a new file counts", async () => {
      const before = await closure(files, plainOptions());
      const after = await closure({ ...files, "app/new.yaml": configMap("new") }, plainOptions());
      const elsewhere = await closure({ ...files, "other/new.yaml": configMap("new") }, plainOptions());
      expect(after.directories).not.toEqual(before.directories);
      expect(elsewhere).toEqual(before);
    });

    it("refuses more patterns than can be tried on every file", async () => {
      const alternatives = `{${Array.from({ length: 32 }, (_, index) => `a${index}`).join(",")}}`;
      const include = Array.from({ length: 64 }, (_, index) => `${index}${alternatives}*.yaml`);
      const result = await through({ "app/a.yaml": configMap("a") }, plainOptions({ include }));
      expect(problemsOf(result)[0]).toMatchObject({ code: "InvalidField", message: expect.stringContaining("2048") });
    });

    it("refuses links and submodules, unless they are excluded", async () => {
      const odd: Files = { ...files, "app/l.yaml": { symlink: "../other/f.yaml" }, "app/m": { submodule: "x" } };
      expect(told(await through(odd, plainOptions()))).toEqual(["SymlinkRefused app/l.yaml", "SubmoduleRefused app/m"]);
      expect(await through(odd, plainOptions({ exclude: ["l.yaml", "m"] }))).toMatchObject({ kind: "rendered" });
    });

    it("says that a directory is not there, or reached through a link", async () => {
      expect(told(await through(files, plainOptions(), { path: "app/none" }))).toEqual(["PathNotFound app/none"]);
      expect(told(await through(files, plainOptions(), { path: "app/a.yaml" }))).toEqual(["PathNotFound app/a.yaml"]);
      const linked = { ...files, link: { symlink: "app" } };
      expect(told(await through(linked, plainOptions(), { path: "link/sub" }))).toEqual(["SymlinkRefused link/sub"]);
    });

    it("renders the root of a tree", async () => {
      expect(pathsOf((await closure({ "a.yaml": "" }, plainOptions(), { path: "" })).files)).toEqual(["a.yaml"]);
    });
  });

  if (!withTools) return;

  it("says of every renderer its version and what it is confined by", () => {
    for (const renderer of Object.values(subject.renderers)) {
      expect(renderer.version).toMatch(/^(plain|kustomize|helm) \d/);
      expect(renderer.isolation).not.toBe("");
    }
  });

  describe("kustomize", () => {
    const files: Files = {
      "app/kustomization.yaml": kustomization(
        [
          "resources: [../../base/../base, deploy.yaml]".replace("../../base/../base", "../base"),
          "components: [../component]",
          "namePrefix: eu-",
          "patches: [{path: ../patches/p.yaml}, {target: {kind: Service}, patch: '[]'}]",
          "configMapGenerator:",
          "- {name: files, files: [conf/a.txt, renamed=conf/b.txt], envs: [conf/c.env]}",
          "transformers: [labels.yaml]",
        ].join("\n"),
      ),
      "app/deploy.yaml": configMap("deploy"),
      "app/labels.yaml":
        "apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: l}\nlabels: {team: web}\nfieldSpecs: [{path: metadata/labels, create: true}]\n",
      "app/conf/a.txt": "a",
      "app/conf/b.txt": "b",
      "app/conf/c.env": "c=d",
      "app/conf/unused.txt": "x",
      "base/kustomization.yml": kustomization("resources:\n- web.yaml\n"),
      "base/web.yaml": configMap("web"),
      "component/Kustomization":
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\ncommonAnnotations: {from: component}\n",
      "patches/p.yaml": `${configMap("web")}data: {patched: "yes"}\n`,
    };

    it("builds bases, components, patches, generated objects and what a transformer makes of them", async () => {
      const text = textOf(await through(files, kustomizeOptions()));
      for (const part of ["name: eu-web", 'patched: "yes"', "name: eu-deploy", "renamed: b", "c: d", "team: web"]) {
        expect(text).toContain(part);
      }
      expect(text).toContain("from: component");
    });

    it("is a function of its input", async () => {
      const [one, other] = [await through(files, kustomizeOptions()), await through(files, kustomizeOptions())];
      expect(textOf(one)).toBe(textOf(other));
    });

    it("depends on exactly the files that are named, and on the names it looked for", async () => {
      const { files: read, absent, directories } = await closure(files, kustomizeOptions());
      expect(pathsOf(read)).toEqual(
        Object.keys(files)
          .filter((path) => path !== "app/conf/unused.txt")
          .sort(),
      );
      expect(pathsOf(absent)).toEqual([
        "app/Kustomization",
        "app/kustomization.yml",
        "base/Kustomization",
        "base/kustomization.yaml",
        "component/kustomization.yaml",
        "component/kustomization.yml",
      ]);
      expect(directories).toEqual([]);
    });

    it.each<[string, string, Files, string, RegExp]>([
      [
        "a file that is not there",
        "resources:\n- none.yaml",
        {},
        "PathNotFound app/kustomization.yaml:4",
        /none\.yaml/,
      ],
      [
        "a path out of the tree",
        "resources:\n- a.yaml\n- ../../x",
        {},
        "PathOutside app/kustomization.yaml:5",
        /leads out/,
      ],
      ["an absolute path", "patches: [{path: /etc/passwd}]", {}, "PathOutside app/kustomization.yaml:3", /leads out/],
      [
        "a link",
        "resources: [l.yaml]",
        { "app/l.yaml": { symlink: "/etc/passwd" } },
        "SymlinkRefused app/kustomization.yaml:3",
        /link/,
      ],
      [
        "a link on the way",
        "resources: [l/a.yaml]",
        { "app/l": { symlink: "/etc" } },
        "SymlinkRefused app/kustomization.yaml:3",
        /app\/l is/,
      ],
      [
        "a remote base",
        "resources: ['https://github.com/x/y//z?ref=v1']",
        {},
        "RemoteRefused app/kustomization.yaml:3",
        /github\.com.*not allow/,
      ],
      [
        "a remote base by shorthand",
        "resources: [github.com/x/y]",
        {},
        "RemoteRefused app/kustomization.yaml:3",
        /github\.com/,
      ],
      [
        "a remote base by ssh",
        "resources: ['git@example.com:x/y.git']",
        {},
        "RemoteRefused app/kustomization.yaml:3",
        /example\.com/,
      ],
      [
        "a private address",
        "patches: [{path: 'http://169.254.169.254/latest'}]",
        {},
        "RemoteRefused app/kustomization.yaml:3",
        /169\.254/,
      ],
      ["a chart", "helmCharts: [{name: x, repo: 'https://x'}]", {}, "PluginRefused app/kustomization.yaml:3", /Helm/],
      [
        "an exec plugin",
        "generators: [g.yaml]",
        {
          "app/g.yaml":
            "apiVersion: x/v1\nkind: Evil\nmetadata:\n  name: e\n  annotations:\n    config.kubernetes.io/function: |\n      exec: {path: ./run.sh}\n",
        },
        "PluginRefused app/g.yaml:6",
        /program of its own/,
      ],
      [
        "a plugin written in place",
        "transformers:\n- |\n  apiVersion: x/v1\n  kind: Evil\n",
        {},
        "PluginRefused app/kustomization.yaml:5",
        /Evil/,
      ],
      [
        "a circle",
        "resources: [../b]",
        { "b/kustomization.yaml": kustomization("resources: [../app]") },
        "RenderFailed b/kustomization.yaml:3",
        /circle: app → b → app/,
      ],
      ["two kustomizations", "", { "app/kustomization.yml": "" }, "RenderFailed app/kustomization.yml", /both/],
      ["broken YAML", "resources: [\n", {}, "InvalidYaml app/kustomization.yaml:4", /YAML/],
      [
        "a folder in the place of a file",
        "patches: [{path: conf}]",
        { "app/conf/x": "" },
        "RenderFailed app/kustomization.yaml:3",
        /directory/,
      ],
      ["an unknown field", "resourcez: [a.yaml]", {}, "RenderFailed app/kustomization.yaml", /resourcez/],
      [
        "a patch without its object",
        "resources: [a.yaml]\npatches: [{path: p.yaml}]",
        { "app/p.yaml": configMap("none") },
        "RenderFailed app/kustomization.yaml",
        /no matches|none/,
      ],
      [
        "a resource that is no YAML",
        "resources: [bad.yaml]",
        { "app/bad.yaml": "a: [1\nb: 2\n" },
        "RenderFailed app/bad.yaml:1",
        /bad\.yaml/,
      ],
    ])("refuses %s", async (_, text, more, expected, message) => {
      const app = { "app/kustomization.yaml": kustomization(text), "app/a.yaml": configMap("a"), ...more };
      const result = await through(app, kustomizeOptions());
      const [first] = problemsOf(result);
      expect([told(result)[0], first?.message]).toEqual([
        expect.stringContaining(expected),
        expect.stringMatching(message),
      ]);
      expect(first?.fix).not.toBe("");
    });

    it("builds the root of a tree", async () => {
      const app = { "kustomization.yaml": kustomization("resources: [a.yaml]"), "a.yaml": configMap("a") };
      expect(textOf(await through(app, kustomizeOptions(), { path: "" }))).toContain("name: a");
    });

    it("says of an allowed remote base that it must be copied", async () => {
      const app = { "app/kustomization.yaml": kustomization("resources: ['https://git.example.com/x.git']") };
      const [first] = problemsOf(await through(app, kustomizeOptions(["*.example.com"])));
      expect(first).toMatchObject({ code: "RemoteRefused", message: expect.stringContaining("allows that host") });
    });

    it("follows what built-in generators and transformers read", async () => {
      const app: Files = {
        "app/kustomization.yaml": kustomization(
          "resources: [a.yaml]\ntransformers: [t]\ngenerators:\n- |\n  apiVersion: builtin\n  kind: ConfigMapGenerator\n  metadata: {name: made}\n  files: [data.txt]\n",
        ),
        "app/a.yaml": configMap("a"),
        "app/data.txt": "read",
        "app/patch.yaml": `${configMap("a")}data: {patched: "yes"}\n`,
        "app/t/kustomization.yaml": kustomization("resources: [patch.yaml]"),
        "app/t/patch.yaml": "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: p}\npath: patch.yaml\n",
      };
      const text = textOf(await through(app, kustomizeOptions()));
      expect(text).toContain('patched: "yes"');
      expect(text).toContain("data.txt: read");
      expect(pathsOf((await closure(app, kustomizeOptions())).files)).toEqual(Object.keys(app).sort());
    });
  });

  describe("helm", () => {
    const template = [
      "apiVersion: v1",
      "kind: ConfigMap",
      "metadata: {name: {{ .Release.Name }}, namespace: {{ .Release.Namespace }}}",
      "data:",
      "  values: {{ .Values | toJson | quote }}",
      "  kube: {{ .Capabilities.KubeVersion.Version }}",
      '  has: {{ .Capabilities.APIVersions.Has "monitoring.coreos.com/v1/ServiceMonitor" | quote }}',
      '  file: {{ .Files.Get "files/a.txt" | quote }}',
    ].join("\n");
    const chart: Files = {
      "app/Chart.yaml": chartYaml(),
      "app/values.yaml": "a: {b: chart, c: chart}\n",
      "app/files/a.txt": "of a file",
      "app/.helmignore": "ignored.yaml\n",
      "app/crds/crd.yaml": "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: x}\n",
      "app/templates/cm.yaml": template,
      "app/templates/hook.yaml":
        'apiVersion: v1\nkind: Pod\nmetadata: {name: hook, annotations: {"helm.sh/hook": pre-install}}\n',
      "app/templates/test.yaml":
        'apiVersion: v1\nkind: Pod\nmetadata: {name: test, annotations: {"helm.sh/hook": test}}\n',
      "app/templates/ignored.yaml": "{{ fail }}",
      "app/templates/NOTES.txt": "Thank you",
      "app/charts/sub-folder/Chart.yaml": chartYaml("sub"),
      "app/charts/sub-folder/templates/s.yaml": configMap("of-sub"),
    };
    const pathsOfRendered = (result: RenderResult) => (result.kind === "rendered" ? pathsOf(result.manifests) : result);

    it("renders a chart with its name, namespace, capabilities, files, CRDs, hooks and charts", async () => {
      const capabilities = { kubernetes: "1.33", apiVersions: ["monitoring.coreos.com/v1/ServiceMonitor"] };
      const result = await through(chart, helmOptions(), { namespace: "web", capabilities });
      expect(pathsOfRendered(result)).toEqual([
        "app/charts/sub-folder/templates/s.yaml",
        "app/crds/crd.yaml",
        "app/templates/cm.yaml",
        "app/templates/hook.yaml",
      ]);
      const text = textOf(result);
      for (const part of ["{name: shop, namespace: web}", "kube: v1.33.0", 'has: "true"', 'file: "of a file"']) {
        expect(text).toContain(part);
      }
      expect(text).toContain("helm.sh/hook");
      expect(text).not.toMatch(/Thank you|name: test/);
    });

    it("leaves CRDs and hooks out when told to", async () => {
      const result = await through(chart, helmOptions({ includeCrds: false, includeHooks: false }));
      expect(pathsOfRendered(result)).toEqual(["app/charts/sub-folder/templates/s.yaml", "app/templates/cm.yaml"]);
    });

    it("lays values over one another: the chart's, files in order, inline ones, single ones", async () => {
      const files: Files = {
        ...chart,
        "app/one.yaml": "a: {c: one, d: one, e: one, f: one}\nlist: [{k: 1}, {k: 2}]\n",
        "shared/two,x.yaml": "a: {d: two, e: two, f: two}\n",
      };
      const others = { env: new MemoryTree({ "prod/three.yaml": "a: {e: three, f: three}\n" }) };
      const valuesFiles = [
        { source: "", path: "one.yaml", isOptional: false },
        { source: "", path: "../shared/two,x.yaml", isOptional: false },
        { source: "env", path: "prod/three.yaml", isOptional: false },
        { source: "env", path: "prod/none.yaml", isOptional: true },
      ];
      const options = helmOptions({
        valuesFiles,
        values: { a: { f: "inline", g: "inline" } },
        set: { "a.g": "set", "list[1].k": 3, "dotted\\.key": "x,y={z}", text: "07", off: false },
      });
      const result = textOf(await through(files, options, { others }));
      const written = /values: (".*")/.exec(result)?.[1] ?? "";
      expect(JSON.parse(JSON.parse(written) as string)).toMatchObject({
        a: { b: "chart", c: "one", d: "two", e: "three", f: "inline", g: "set" },
        list: [{ k: 1 }, { k: 3 }],
        "dotted.key": "x,y={z}",
        text: "07",
        off: false,
      });
      const { absent } = await closure(files, options, { others });
      expect(absent).toEqual([{ source: "env", path: "prod/none.yaml" }]);
    });

    it("depends on the whole directory of the chart, and on nothing beside it", async () => {
      const traced = await closure({ ...chart, "other.yaml": "" }, helmOptions());
      expect(pathsOf(traced.files)).toEqual(Object.keys(chart).sort());
      expect(pathsOf(traced.directories)).toEqual(["app"]);
    });

    it("takes no offence at a link that .helmignore names", async () => {
      const files = {
        ...chart,
        "app/.helmignore": "# not read\nLICENSE\nignored.yaml\n",
        "app/LICENSE": { symlink: "../LICENSE" },
      };
      expect(await through(files, helmOptions())).toMatchObject({ kind: "rendered" });
    });

    it("puts charts of the same repository into its charts/", async () => {
      const files: Files = {
        "app/Chart.yaml": chartYaml(
          "shop",
          "dependencies:\n- {name: lib, version: 1.0.0, repository: 'file://../libs/lib'}\n",
        ),
        "app/templates/a.yaml": '{{ include "lib.cm" . }}',
        "libs/lib/Chart.yaml": chartYaml(
          "lib",
          "dependencies: [{name: deep, version: 1.0.0, repository: 'file://../deep'}]\n",
        ),
        "libs/lib/templates/_lib.tpl": '{{ define "lib.cm" }}{{ include "deep.cm" . }}{{ end }}',
        "libs/deep/Chart.yaml": chartYaml("deep"),
        "libs/deep/templates/_deep.tpl": `{{ define "deep.cm" }}${configMap("of-deep")}{{ end }}`,
      };
      const result = await through(files, helmOptions());
      expect(textOf(result)).toContain("name: of-deep");
      expect(pathsOfRendered(result)).toEqual(["app/templates/a.yaml"]);
    });

    it("renders one chart under two aliases", async () => {
      const dependency = (alias: string) =>
        `- {name: db, version: 1.0.0, repository: 'file://../db', alias: ${alias}}\n`;
      const files: Files = {
        "app/Chart.yaml": chartYaml("shop", `dependencies:\n${dependency("orders")}${dependency("users")}`),
        "app/values.yaml": "orders: {size: 1}\nusers: {size: 2}\n",
        "db/Chart.yaml": chartYaml("db"),
        "db/templates/a.yaml":
          "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Chart.Name }}-{{ .Values.size }}'}\n",
      };
      const text = textOf(await through(files, helmOptions()));
      expect(text).toContain("orders-1");
      expect(text).toContain("users-2");
    });

    describe("out of an archive", () => {
      const packed = { name: "redis", version: "1.2.3", digest: "sha256:x" };
      const files: Files = { "app/values.yaml": "size: 3\n", "app/other.txt": "x" };
      const valuesFiles = [{ source: "", path: "values.yaml", isOptional: false }];
      const archived = async (more: Record<string, string>, options = {}): Promise<RenderResult> => {
        const digest = `sha256:${JSON.stringify(more).length}-${Object.keys(more).join()}`;
        const chart = await chartArchive({ ...packed, files: more });
        return through(files, helmOptions({ chart: { ...packed, digest }, ...options }), { chart });
      };

      it("is rendered with values from Git, and depends on those alone", async () => {
        const more = {
          "templates/size.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: size-{{ .Values.size }}}\n",
        };
        const result = await archived(more, { valuesFiles });
        expect(pathsOfRendered(result)).toEqual(["redis/templates/config.yaml", "redis/templates/size.yaml"]);
        expect(textOf(result)).toContain("name: size-3");
        const traced = await closure(files, helmOptions({ chart: packed, valuesFiles }));
        expect([pathsOf(traced.files), traced.directories]).toEqual([["app/values.yaml"], []]);
      });

      it("is looked into as well", async () => {
        const impure = await archived({ "templates/x.yaml": "apiVersion: v1\nkind: X\nx: {{ now }}\n" });
        expect(impure).toMatchObject({ notices: [{ where: { path: "redis/templates/x.yaml", line: 3 } }] });
        expect(told(await archived({ "values.schema.json": '{"$ref": "http://10.0.0.1/x"}' }))).toEqual([
          "RemoteRefused redis/values.schema.json",
        ]);
        expect(told(await archived({ "templates/x.yaml": "a: {{ fail }}" }))).toEqual([
          "RenderFailed redis/templates/x.yaml:1",
        ]);
      });

      it("is refused when it is none, or a bomb", async () => {
        const none = await through(files, helmOptions({ chart: packed }), { chart: Buffer.from("no archive") });
        expect(problemsOf(none)[0]).toMatchObject({ code: "RenderFailed", where: { path: "redis" } });
        const bomb = await archived({ "files/zeros": "0".repeat(110 * 1_024 * 1_024) });
        expect(problemsOf(bomb)[0]).toMatchObject({ code: "RenderFailed", where: { path: "redis" } });
      });
    });

    it("renders a chart at the root of the tree", async () => {
      const files = { "Chart.yaml": chartYaml(), "templates/a.yaml": configMap("a"), "v.yaml": "a: 1\n" };
      const valuesFiles = [{ source: "", path: "v.yaml", isOptional: false }];
      const result = await through(files, helmOptions({ valuesFiles }), { path: "" });
      expect(pathsOfRendered(result)).toEqual(["templates/a.yaml"]);
    });

    it("is a function of its input", async () => {
      const [one, other] = [await through(chart, helmOptions()), await through(chart, helmOptions())];
      expect(other).toEqual(one);
    });

    it("notices templates that are no function of their input", async () => {
      const files = {
        ...chart,
        "app/templates/x.yaml": "apiVersion: v1\nkind: X\nx: {{ randAlphaNum 4 }}\ny: {{ now }}\n",
      };
      const result = await through(files, helmOptions());
      expect(result.kind === "rendered" && result.notices.map(({ code, where }) => [code, where])).toEqual([
        ["NotReproducible", { path: "app/templates/x.yaml", line: 3 }],
        ["NotReproducible", { path: "app/templates/x.yaml", line: 4 }],
      ]);
    });

    it.each<[string, Files, Parameters<typeof helmOptions>[0], string, RegExp]>([
      [
        "a mistake in a template",
        { "app/templates/x.yaml": "a: 1\nb: {{ .Values.x.y }}\n" },
        {},
        "RenderFailed app/templates/x.yaml:2",
        /nil pointer/,
      ],
      [
        "a template that does not parse",
        { "app/templates/x.yaml": "a: 1\nb: {{ .Values" },
        {},
        "RenderFailed app/templates/x.yaml:2",
        /unclosed action/,
      ],
      [
        "what a template itself refuses",
        { "app/templates/x.yaml": '{{ required "set q" .Values.q }}' },
        {},
        "RenderFailed app/templates/x.yaml:1",
        /set q/,
      ],
      [
        "the environment",
        { "app/templates/x.yaml": 'a: {{ env "HOME" }}' },
        {},
        "RenderFailed app/templates/x.yaml:1",
        /"env" not defined/,
      ],
      [
        "a template that makes no YAML",
        { "app/templates/x.yaml": "a: 1\n  b: 2\n" },
        {},
        "RenderFailed app/templates/x.yaml",
        /YAML parse error/,
      ],
      ["an empty Chart.yaml", { "app/Chart.yaml": "" }, {}, "RenderFailed app", /./],
      [
        "a missing values file",
        {},
        { valuesFiles: [{ source: "", path: "no.yaml", isOptional: false }] },
        "PathNotFound app/no.yaml",
        /no\.yaml/,
      ],
      [
        "values out of the tree",
        {},
        { valuesFiles: [{ source: "", path: "../../x", isOptional: true }] },
        "PathOutside app",
        /leads out/,
      ],
      [
        "values that are no YAML",
        { "app/v.yaml": "a: 1\nb: [" },
        { valuesFiles: [{ source: "", path: "v.yaml", isOptional: false }] },
        "InvalidYaml app/v.yaml:2",
        /v\.yaml/,
      ],
      [
        "a dependency that is not packed",
        {
          "app/Chart.yaml": chartYaml(
            "shop",
            "dependencies:\n- name: redis\n  version: 1.0.0\n  repository: https://x\n",
          ),
        },
        {},
        "DependencyMissing app/Chart.yaml:5",
        /redis/,
      ],
      [
        "a link in the chart",
        { "app/templates/l.yaml": { symlink: "/etc/passwd" } },
        {},
        "SymlinkRefused app/templates/l.yaml",
        /link/,
      ],
      [
        "a schema from elsewhere",
        { "app/values.schema.json": '{"$ref": "http://169.254.169.254/x"}' },
        {},
        "RemoteRefused app/values.schema.json",
        /169\.254/,
      ],
      [
        "a schema from the disk",
        { "app/values.schema.json": '{"$ref": "file:///etc/passwd"}' },
        {},
        "RemoteRefused app/values.schema.json",
        /etc\/passwd/,
      ],
      [
        "values that break the schema",
        { "app/values.schema.json": '{"properties":{"a":{"type":"string"}}}' },
        {},
        "RenderFailed app",
        /got object, want string/,
      ],
      ["a key of set that is no path", {}, { set: { "a[": 1 } }, "InvalidField app", /a\[/],
      ["a key of set that would be two", {}, { set: { "a=1,b": 1 } }, "InvalidField app", /no path/],
      ["more in set than a command line takes", {}, { set: { a: "x".repeat(100_000) } }, "InvalidField app", /96 KiB/],
      [
        "a circle of charts",
        {
          "app/Chart.yaml": chartYaml("shop", "dependencies: [{name: b, version: 1, repository: 'file://../b'}]"),
          "b/Chart.yaml": chartYaml("b", "dependencies: [{name: shop, version: 1, repository: 'file://../app'}]"),
        },
        {},
        "RenderFailed b/Chart.yaml:4",
        /circle/,
      ],
    ])("refuses %s", async (_, more, options, expected, message) => {
      const result = await through({ ...chart, ...more }, helmOptions(options));
      const [first] = problemsOf(result);
      expect([told(result)[0], first?.message]).toEqual([
        expect.stringContaining(expected),
        expect.stringMatching(message),
      ]);
      expect(first?.message).not.toMatch(/\/trees\/|\.\.\/values|\.\.\/chart|run-/);
    });
  });

  describe("what is hostile", () => {
    const bomb = (last: string) =>
      `a0: &a0 [x,x]\n${Array.from({ length: 14 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(10)}]\n`).join("")}${last}`;
    const good: Files = {
      "app/kustomization.yaml": kustomization("resources: [a.yaml]"),
      "app/a.yaml": configMap("a"),
    };
    const helm = (template: string): Files => ({
      "app/Chart.yaml": chartYaml(),
      "app/v.yaml": bomb(""),
      "app/templates/x.yaml": template,
    });
    const loop = "{{ range until 60000 }}{{ range until 60000 }}{{ range until 60000 }}{{ end }}{{ end }}{{ end }}";
    const limits = { timeoutMsMax: 30_000, memoryBytesMax: 512 * 1_024 ** 2, outputBytesMax: 4 * 1_024 ** 2 };
    const valuesFiles = [{ source: "", path: "v.yaml", isOptional: false }];

    it.each<[string, Files, RenderOptions, string, RegExp]>([
      ["an endless template", helm(loop), helmOptions(), "RenderTimeout app", /not done after 4 s/],
      [
        "a template that takes all memory",
        helm("{{ range until 1000000000 }}x{{ end }}"),
        helmOptions(),
        "RenderMemory app",
        /512 MiB/,
      ],
      [
        "a template that writes a gigabyte",
        helm('a: {{ repeat 8000000 "x" }}'),
        helmOptions(),
        "OutputTooLarge app",
        /4 MiB/,
      ],
      [
        "a billion laughs in values",
        helm("a: 1"),
        helmOptions({ valuesFiles }),
        "TooManyAliases app/v.yaml",
        /aliases/,
      ],
      [
        "a billion laughs in a kustomization",
        { "app/kustomization.yaml": bomb("resources: *a14") },
        kustomizeOptions(),
        "TooManyAliases app/kustomization.yaml",
        /alias/,
      ],
      [
        "a billion laughs in a resource",
        { ...good, "app/a.yaml": `${configMap("a")}data:\n  ${bomb("").replaceAll("\n", "\n  ")}` },
        kustomizeOptions(),
        "RenderMemory app",
        /512 MiB/,
      ],
    ])("ends in an error of its own: %s", async (_, files, options, expected, message) => {
      const own = expected.startsWith("RenderTimeout") ? { ...limits, timeoutMsMax: 4_000 } : limits;
      const result = await through(files, options, { limits: own, call: { fairnessKey: "hostile" } });
      expect([told(result)[0], problemsOf(result)[0]?.message]).toEqual([
        expect.stringContaining(expected),
        expect.stringMatching(message),
      ]);
    });

    it("holds up nobody else", async () => {
      const control = new AbortController();
      const call = { fairnessKey: "hostile", signal: control.signal };
      const loops = Array.from({ length: 6 }, () =>
        through(helm(loop), helmOptions(), { call }).catch(() => "stopped"),
      );
      const started = performance.now();
      for (let index = 0; index < 5; index++) {
        const result = await through(good, kustomizeOptions(), { call: { fairnessKey: "good" } });
        expect(textOf(result)).toContain("name: a");
      }
      // Far below what one of the loops may take.
      expect(performance.now() - started).toBeLessThan(15_000);
      control.abort();
      expect(await Promise.all(loops)).toEqual(Array(6).fill("stopped"));
    });

    it("cannot name a file outside of its sandbox, whatever a job says", async () => {
      const { helm: renderer } = subject.renderers;
      const job = {
        request: {
          path: "app",
          options: helmOptions(),
          destination: { namespace: "x" },
          capabilities: { kubernetes: "1.34", apiVersions: [] },
        },
        files: [{ source: "", path: "app/../../../x", oid: "1", mode: "file" as const, bytes: Buffer.from("x") }],
        chart: null,
        limits: { filesMax: 10, inputBytesMax: 10, ...limits },
      };
      const rendering = renderer.render(job, { signal: new AbortController().signal, fairnessKey: "x" });
      await expect(rendering).rejects.toMatchObject({ code: "invalid" });
    });
  });
}
