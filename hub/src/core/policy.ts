import { parseGlob, parseWholeGlob } from "@muster/shared/glob.ts";
import type { AppDefinition } from "@muster/shared/model/definitions/app.ts";
import type { ProjectDefinition } from "@muster/shared/model/definitions/project.ts";
import type { SourceDefinition } from "@muster/shared/model/definitions/source.ts";
import { formatApp } from "@muster/shared/model/ids.ts";
import type { ObjectRef } from "@muster/shared/model/object-ref.ts";
import { type Policy, readPolicy } from "@muster/shared/model/policy.ts";
import type { Problem, ProblemCode } from "@muster/shared/model/problem.ts";
import { isNamespacedKind } from "./cluster-kinds.ts";
import { parseRemote, type RemoteAddress } from "./remote-address.ts";

/** What a Project allows. Null where nobody defined it: then it limits nothing. */
export type ProjectRules = ProjectDefinition["spec"] | null;

const PROBLEMS_MAX = 10;

/** A Project that nobody defined, where the hub is told to insist on definitions. */
export const projectMissing = (project: string): Problem => ({
  code: "ProjectMissing",
  message: `There is no Project ${project}, and this hub requires one (require-projects).`,
  where: {},
  fix: `Have an administrator apply a Project named ${project}.`,
});

/** Nothing new is rendered or released, and nothing moves; what runs is held as it is. */
export function judgeSuspended(rules: ProjectRules, project: string): Problem | null {
  if (!rules?.suspended) return null;
  return problem("ProjectSuspended", `Project ${project} is suspended: nothing new is rendered or released.`, {
    fix: `What runs is held as it is. An administrator ends it by spec.suspended: false of the Project ${project}.`,
  });
}

/** Whether a Source may be where it is, and use the credential it names. */
export function judgeSource(rules: ProjectRules, { metadata, spec }: SourceDefinition): readonly Problem[] {
  const remote = spec.git ?? spec.oci;
  if (rules === null || remote === undefined) return [];
  const what = `Source ${formatApp(metadata)}`;
  return [
    judgeRepository(rules, metadata.project, {
      what,
      url: remote.url,
      field: spec.git ? "spec.git.url" : "spec.oci.url",
    }),
    judgeCredentials(rules, metadata.project, { what, name: remote.credentials }),
  ].filter((found) => found !== null);
}

/** Whether an App's chart may come from where it does. */
export function judgeChart(rules: ProjectRules, { metadata, spec }: AppDefinition): readonly Problem[] {
  const chart = spec.render.helm?.chart;
  if (rules === null || chart === undefined) return [];
  const what = `App ${formatApp(metadata)}`;
  // A chart in a registry is a repository of its own; one in an index is a file beside it.
  const url = chart.repository.startsWith("oci:")
    ? `${chart.repository.replace(/\/+$/, "")}/${chart.name}`
    : chart.repository;
  return [
    judgeRepository(rules, metadata.project, { what, url, field: "spec.render.helm.chart.repository" }),
    judgeCredentials(rules, metadata.project, { what, name: chart.credentials }),
  ].filter((found) => found !== null);
}

/** What can be told of an App before anything is rendered: its chart, its namespaces, whose objects it wants. */
export function judgeApp(rules: ProjectRules, definition: AppDefinition): readonly Problem[] {
  const { metadata, spec } = definition;
  const { project } = metadata;
  const what = `App ${formatApp(metadata)}`;
  const namespaces = [
    { field: "spec.destination.namespace", namespace: spec.destination.namespace },
    ...spec.overrides.flatMap(({ namespace }, index) =>
      namespace === undefined ? [] : [{ field: `spec.overrides[${index}].namespace`, namespace }],
    ),
  ];
  const patterns = rules?.namespaces ?? ["*"];
  const isAllowed = anyOf(patterns);
  const outside = namespaces
    // With variables in it, it is known once it is rendered.
    .filter(({ namespace }) => !namespace.includes("${") && !isAllowed(namespace))
    .map(({ field, namespace }) =>
      problem("ProjectForbids", `${what}: Project ${project} does not allow the namespace ${namespace} (${field}).`, {
        field,
        fix: `Use one that spec.namespaces of the Project allows (${shown(patterns)}), or have an administrator add it.`,
      }),
    );
  return [...judgeChart(rules, definition), ...outside, ...judgeTakeover(definition)].slice(0, PROBLEMS_MAX);
}

/** Objects are handed over inside a Project only: across Projects nobody is even told whose they are. */
function judgeTakeover({ metadata, spec }: AppDefinition): readonly Problem[] {
  return spec.takesOverFrom
    .filter((from) => from.includes("/") && !from.startsWith(`${metadata.project}/`))
    .map((from) =>
      problem(
        "ProjectForbids",
        `App ${formatApp(metadata)} cannot take over from ${from}: objects are handed over inside a Project only.`,
        {
          field: "spec.takesOverFrom",
          fix: `Delete ${from} with onUnplaced.action: keep, then let this App adopt the objects with spec.sync.adopt: all.`,
        },
      ),
    );
}

/** Names of the Apps of its own Project whose objects an App takes over. */
export const takenOver = ({ metadata, spec }: AppDefinition): readonly string[] =>
  spec.takesOverFrom
    .map((from) => (from.startsWith(`${metadata.project}/`) ? from.slice(metadata.project.length + 1) : from))
    .filter((from) => !from.includes("/") && from !== metadata.name);

/** What travels to the agents, which judge by it once more; undefined when there is nothing to hold an App to. */
export function policyOf(rules: ProjectRules): Policy | undefined {
  if (rules === null) return undefined;
  const { namespaces, kinds, serviceAccount } = rules;
  const isOpen = [namespaces, kinds.namespaced, kinds.cluster].every((patterns) => patterns.includes("*"));
  if (isOpen && serviceAccount === undefined) return undefined;
  return { namespaces, kinds, ...(serviceAccount === undefined ? {} : { serviceAccount }) };
}

/** One object of each kind and namespace that a bundle holds. */
export type ObjectScope = ObjectRef;

/**
 * What a Project forbids of rendered objects. Those without a namespace go to `namespace`, if their kind has one; what
 * only a cluster knows of a kind, its agent judges.
 */
export function judgeObjects(
  policy: Policy | undefined,
  project: string,
  { scopes, namespace }: { readonly scopes: readonly ObjectScope[]; readonly namespace: string },
): readonly Problem[] {
  if (policy === undefined) return [];
  const rules = readPolicy(policy, project);
  return scopes
    .map((scope) => {
      const isNamespaced = isNamespacedKind(scope.apiVersion, scope.kind);
      const settled = isNamespaced === false ? "" : scope.namespace || namespace;
      return rules.judge({ ...scope, namespace: settled }, isNamespaced);
    })
    .filter((found) => found !== null)
    .slice(0, PROBLEMS_MAX);
}

/** What an App and its Project take up, counted as the quota counts it. */
export interface ProjectUse {
  readonly app: string;
  /** How many Apps of the Project are older than this one. */
  readonly appsBefore: number;
  /** Of the other Apps' newest Releases, and of this one's render. */
  readonly objects: { readonly others: number; readonly own: number };
  readonly bundleBytes: { readonly others: number; readonly own: number };
  readonly renderSeconds: number;
}

/** Whether there is room for one App more. */
export function judgeAppCount(
  rules: ProjectRules,
  project: string,
  { app, appsBefore }: Pick<ProjectUse, "app" | "appsBefore">,
): Problem | null {
  const most = rules?.quota.apps;
  if (most === undefined || appsBefore < most) return null;
  return overQuota(project, "apps", `Project ${project} may have ${most} Apps, and has ${appsBefore} without ${app}.`);
}

/** What a render would take up beyond the Project's quota. */
export function judgeQuota(rules: ProjectRules, project: string, use: ProjectUse): readonly Problem[] {
  const { objects, bundleBytes, renderSeconds } = rules?.quota ?? {};
  const over = (field: "objects" | "bundleBytes", most: number | undefined, unit: string): Problem | null => {
    const { others, own } = use[field];
    if (most === undefined || others + own <= most) return null;
    const text = `Project ${project} may have ${most} ${unit} in the newest Releases of its Apps; ${use.app} has ${own} of them now, and the others have ${others}.`;
    return overQuota(project, field, text);
  };
  const seconds = Math.round(use.renderSeconds * 10) / 10;
  return [
    over("objects", objects, "objects"),
    over("bundleBytes", bundleBytes, "bytes"),
    renderSeconds === undefined || use.renderSeconds <= renderSeconds
      ? null
      : overQuota(
          project,
          "renderSeconds",
          `Project ${project} may render for ${renderSeconds} s for one commit of an App; ${use.app} took ${seconds} s.`,
        ),
  ].filter((found) => found !== null);
}

const overQuota = (project: string, field: string, message: string): Problem =>
  problem("QuotaExceeded", message, {
    field: `spec.quota.${field}`,
    fix: `Make it smaller, or have an administrator raise spec.quota.${field} of the Project ${project}.`,
  });

function judgeRepository(
  { repositories }: NonNullable<ProjectRules>,
  project: string,
  { what, url, field }: { what: string; url: string; field: string },
): Problem | null {
  if (matchesRepository(repositories, url)) return null;
  // Without what may be a password in it.
  const told = publicText(url);
  return problem("ProjectForbids", `${what}: Project ${project} does not allow the repository ${told} (${field}).`, {
    field,
    fix: `Use one that spec.repositories of the Project allows (${shown(repositories)}), or have an administrator add it.`,
  });
}

function judgeCredentials(
  { credentials }: NonNullable<ProjectRules>,
  project: string,
  { what, name }: { what: string; name: string | undefined },
): Problem | null {
  if (name === undefined || anyOf(credentials)(name)) return null;
  return problem("ProjectForbids", `${what}: Project ${project} does not allow the credential ${name}.`, {
    fix: `Use one that spec.credentials of the Project allows (${shown(credentials)}), or have an administrator add it.`,
  });
}

/**
 * Whether an address matches one of a Project's patterns, in whichever way either is spelled: `https://git.example.com/team`
 * holds everything below, `git.example.com/team/*` whatever the scheme, `git@github.com:org/**` is ssh. An address that
 * can be read in two ways matches nothing but `**`.
 */
export function matchesRepository(patterns: readonly string[], url: string): boolean {
  if (patterns.includes("**")) return true;
  const address = parseRemote(url);
  if (address === null) return false;
  const path = pathOf(address);
  return patterns.some((pattern) => parseGlob(patternPath(pattern))?.matches(path) ?? false);
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = {
  http: "80",
  https: "443",
  oci: "443",
  ssh: "22",
  git: "9418",
};

const pathOf = ({ scheme, host, port, segments }: RemoteAddress): string => {
  const place = port === null || String(port) === DEFAULT_PORTS[scheme] ? host : `${host}:${port}`;
  return withoutGit([scheme, ...(place === "" ? [] : [place]), ...segments].join("/"));
};

/** `scheme/host/path`, with patterns in any of them. */
function patternPath(pattern: string): string {
  const [, scheme = "", rest = pattern] = /^([^:/]+):\/\/(.*)$/.exec(pattern) ?? [];
  const scp = scheme === "" ? /^(?:[^@/]+@)?([^:/]+):(?!\d+(?:\/|$))(.*)$/.exec(pattern) : null;
  if (scp) return normalPath("ssh", scp[1] ?? "", scp[2] ?? "");
  const slash = rest.indexOf("/");
  const [place, path] = slash < 0 ? [rest, ""] : [rest.slice(0, slash), rest.slice(slash + 1)];
  return normalPath(scheme === "" ? "*" : scheme.toLowerCase(), place.slice(place.lastIndexOf("@") + 1), path);
}

function normalPath(scheme: string, place: string, path: string): string {
  const port = DEFAULT_PORTS[scheme];
  const host = port !== undefined && place.endsWith(`:${port}`) ? place.slice(0, -port.length - 1) : place;
  return withoutGit([scheme, host.toLowerCase(), ...path.split("/")].filter((part) => part !== "").join("/"));
}

const withoutGit = (path: string): string => path.replace(/(?<=[^/])\.git$/, "");
const publicText = (url: string): string => url.replace(/\/\/[^/@]*@/, "//").slice(0, 250);

function anyOf(patterns: readonly string[]): (text: string) => boolean {
  const globs = patterns.map(parseWholeGlob);
  return (text) => globs.some((glob) => glob?.matches(text));
}

const SHOWN_MAX = 4;
const shown = (patterns: readonly string[]): string => {
  if (patterns.length === 0) return "it allows none";
  const more = patterns.length > SHOWN_MAX ? `, and ${patterns.length - SHOWN_MAX} more` : "";
  return `${patterns.slice(0, SHOWN_MAX).join(", ")}${more}`;
};

const problem = (code: ProblemCode, message: string, { fix, field }: { fix: string; field?: string }): Problem => ({
  code,
  message: message.slice(0, 2_000),
  where: field === undefined ? {} : { field },
  fix: fix.slice(0, 1_000),
});
