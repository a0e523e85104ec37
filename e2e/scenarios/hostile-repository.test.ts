/**
 * What a repository may try against the hub: every attempt ends in an error of its own, and meanwhile an App of another
 * repository has its commits delivered.
 */
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { describeFleet } from "../fleet/describe-fleet.ts";
import { eventually, percentile, timed } from "../fleet/eventually.ts";
import type { FleetApp } from "../fleet/fleet-app.ts";
import type { Schemas } from "../fleet/hub-api.ts";
import { appDefinition, configMap, sourceDefinition } from "../fleet/manifests.ts";
import { renderToolFlags, renderToolsAvailability } from "../fleet/render-tools.ts";
import type { Changes } from "../forge/working-copy.ts";

const tools = await renderToolsAvailability();

interface Attempt {
  readonly name: string;
  /** Below the App's directory. */
  readonly files?: Changes;
  /** Path -> what a symbolic link there points at. */
  readonly links?: Readonly<Record<string, string>>;
  /** Instead of its own directory. */
  readonly path?: string;
  readonly render?: object;
  readonly code: Schemas["Problem"]["code"];
  readonly message: RegExp;
}

const kustomization = (text: string): string =>
  `apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n${text}\n`;
const chart = (template: string, files: Changes = {}): Changes => ({
  "Chart.yaml": "apiVersion: v2\nname: hostile\nversion: 1.0.0\n",
  "templates/a.yaml": template,
  ...files,
});
/** Thirty levels of two aliases each. */
const laughs = [
  'a0: &a0 ["lol"]',
  ...Array.from({ length: 30 }, (_, level) => `a${level + 1}: &a${level + 1} [*a${level}, *a${level}]`),
].join("\n");
const tenMegabytes = '# {{ repeat 10000000 "x" }}\na: 1\n';
const line = '# {{ repeat 1000 "x" }}\n';

const attempts: readonly Attempt[] = [
  {
    name: "link-out",
    files: { "good.yaml": configMap("good") },
    links: { "passwd.yaml": "/etc/passwd" },
    code: "SymlinkRefused",
    message: /passwd\.yaml is a symbolic link/,
  },
  {
    name: "link-on-the-way",
    files: { "kustomization.yaml": kustomization("resources: [etc/passwd]") },
    links: { etc: "/etc" },
    code: "SymlinkRefused",
    message: /etc is a symbolic link/,
  },
  {
    name: "up-and-out",
    files: { "kustomization.yaml": kustomization(`resources: [${"../".repeat(12)}etc/passwd]`) },
    code: "PathOutside",
    message: /etc\/passwd" leads out of the repository/,
  },
  { name: "path-out", path: "../../../etc", code: "PathOutside", message: /leads out of the repository/ },
  {
    name: "values-out",
    files: chart("a: 1\n"),
    render: { helm: { values: ["../../../../../etc/passwd"] } },
    code: "PathOutside",
    message: /etc\/passwd" leads out of the repository/,
  },
  {
    name: "a-gigabyte",
    files: chart(`{{ range until 1000000 }}${line}{{ end }}`),
    code: "RenderMemory",
    message: /needs more than the 1024 MiB of memory/,
  },
  {
    name: "much-output",
    files: chart(
      configMap("a"),
      Object.fromEntries(Array.from({ length: 7 }, (_, i) => [`templates/${i}.yaml`, tenMegabytes])),
    ),
    code: "OutputTooLarge",
    message: /writes more than the 64 MiB/,
  },
  {
    name: "endless-template",
    files: chart("{{ range until 60000 }}{{ range until 60000 }}{{ range until 60000 }}{{ end }}{{ end }}{{ end }}"),
    code: "RenderTimeout",
    message: /was not done after 30 s of computing/,
  },
  {
    name: "endless-include",
    files: chart('{{ include "again" . }}', {
      "templates/_again.tpl": '{{ define "again" }}{{ include "again" . }}{{ end }}',
    }),
    code: "RenderFailed",
    message: /again/,
  },
  {
    name: "laughs-in-a-manifest",
    files: { "a.yaml": `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: laughs }\n${laughs}\n` },
    code: "TooManyAliases",
    message: /alias/,
  },
  {
    name: "laughs-in-values",
    files: chart("a: {{ .Values.a30 | len }}\n", { "values.yaml": `${laughs}\n` }),
    code: "TooManyAliases",
    message: /alias/,
  },
  {
    name: "exec-plugin",
    files: {
      "kustomization.yaml": kustomization("generators: [g.yaml]"),
      "g.yaml":
        "apiVersion: x/v1\nkind: Evil\nmetadata:\n  name: e\n  annotations:\n    config.kubernetes.io/function: |\n      exec: {path: ./run.sh}\n",
      "run.sh": "#!/bin/sh\ntouch /tmp/was-here\n",
    },
    code: "PluginRefused",
    message: /"Evil" would run a program of its own/,
  },
  {
    name: "remote-base",
    files: { "kustomization.yaml": kustomization("resources: ['https://git.example.com/evil/base//x?ref=main']") },
    code: "RemoteRefused",
    message: /git\.example\.com, which the Project does not allow/,
  },
  {
    name: "metadata-service",
    files: { "kustomization.yaml": kustomization("resources: ['http://169.254.169.254/latest/user-data']") },
    code: "RemoteRefused",
    message: /169\.254\.169\.254/,
  },
];

const privateAddresses = ["http://10.0.0.1/secret.git", "http://169.254.169.254/latest.git"];
const settings = { clusters: 1, fleet: { hub: { flags: renderToolFlags } } };

if (tools.ok) {
  await describeFleet("a hostile repository", settings, ({ fleet }) => {
    test("ends in an error for each thing it tries, and another repository is served meanwhile", async () => {
      const good = await fleet().newApp("good", { files: step(0) });
      await good.released(await good.copy.head());
      const hostile = await fleet().newApp("hostile", { apply: false });
      await lay(hostile);
      const api = fleet().hub.api;
      const definitions = attempts.map(({ name, path, render }) => {
        const definition = appDefinition(name, {
          source: hostile.name,
          path: path ?? `${hostile.path}/${name}`,
          namespace: hostile.namespace,
        });
        return render === undefined ? definition : { ...definition, spec: { ...definition.spec, render } };
      });
      const control = new AbortController();
      const serving = serve(good, control.signal);
      const isDone = api
        .apply(hostile.definitions.source, ...definitions)
        .then(() =>
          Promise.all(
            attempts.map(({ name, code, message }) =>
              eventually(
                async () => {
                  const [problem] = (await api.app(name)).problems;
                  expect({ name, code: problem?.code, message: problem?.message }).toEqual({
                    name,
                    code,
                    message: expect.stringMatching(message),
                  });
                  expect(problem?.fix ?? "").not.toBe("");
                },
                { deadlineMs: 150_000, everyMs: 500 },
              ),
            ),
          ),
        )
        .finally(() => control.abort());
      const [latencies] = await Promise.all([serving, isDone]);
      const told = [percentile(latencies, 0.5), Math.max(...latencies)].map(Math.round);
      console.info(`meanwhile ${latencies.length} commits were running after ${told[0]} ms, at most ${told[1]} ms`);
      expect(latencies.length).toBeGreaterThan(5);
      expect(percentile(latencies, 0.5)).toBeLessThan(5_000);
      expect(Math.max(...latencies)).toBeLessThan(15_000);
      for (const { name } of attempts) expect((await api.releases(name)).length, name).toBe(0);
    }, 240_000);

    test.each(privateAddresses)("is not reached at %s", async (url) => {
      const name = `private-${privateAddresses.indexOf(url)}`;
      await fleet().hub.api.apply(
        sourceDefinition(name, url),
        appDefinition(name, { source: name, path: ".", namespace: "default" }),
      );
      await eventually(async () => {
        const [problem] = (await fleet().hub.api.app(name)).problems;
        expect(problem).toMatchObject({
          code: "AddressForbidden",
          message: expect.stringContaining(new URL(url).host),
        });
        expect(problem?.fix).toContain("--allow-addresses");
      });
    });
  });
}

const step = (number: number): Changes => ({
  "kustomization.yaml": kustomization("resources: [settings.yaml]"),
  "settings.yaml": configMap("settings", { step: String(number) }),
});

/** All attempts in one commit. */
async function lay({ copy, path }: FleetApp): Promise<void> {
  const files: Record<string, string | Uint8Array | null> = {};
  for (const { name, files: own = {} } of attempts) {
    for (const [file, content] of Object.entries(own)) files[`${path}/${name}/${file}`] = content;
  }
  await copy.commit(files, "Try this");
  for (const { name, links = {} } of attempts) {
    for (const [link, target] of Object.entries(links)) symlinkSync(target, join(copy.folder, path, name, link));
  }
  await copy.commitAndPush({}, "And links");
}

/** Pushes commits until it is told to stop; how long each took to be a running object, milliseconds. */
async function serve(app: FleetApp, signal: AbortSignal): Promise<number[]> {
  const latencies: number[] = [];
  for (let number = 1; !signal.aborted; number += 1) {
    const { ms } = await timed(async () => app.released(await app.push(step(number)), { deadlineMs: 60_000 }));
    latencies.push(ms);
    await delay(500);
  }
  return latencies;
}
