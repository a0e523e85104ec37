import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { withDeadline } from "@muster/shared/deadline.ts";
import { AppError } from "@muster/shared/errors.ts";
import { silentLog } from "@muster/shared/log.ts";
import type { AppDefinition } from "@muster/shared/model/definitions/app.ts";
import type { SourceDefinition } from "@muster/shared/model/definitions/source.ts";
import { formatApp } from "@muster/shared/model/ids.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import { systemClock } from "@muster/shared/system-clock.ts";
import { createWorkerBundler } from "./adapters/bundle/worker-bundler.ts";
import { createChartSource } from "./adapters/charts/create-chart-source.ts";
import { openMountedCredentials } from "./adapters/credentials/open.ts";
import { openGit } from "./adapters/git/open.ts";
import { createAddressPolicy } from "./adapters/network/address-policy.ts";
import { createHttpClient } from "./adapters/network/http-client.ts";
import { parseAllowed } from "./adapters/network/judge-address.ts";
import { type ConnectionOptions, createJudgedDispatcher } from "./adapters/network/judged-dispatcher.ts";
import { createOciCharts } from "./adapters/oci/oci-charts.ts";
import { openArtifacts } from "./adapters/oci/open-artifacts.ts";
import { createOciRegistry } from "./adapters/oci/registry.ts";
import { openRenderers } from "./adapters/render/open-renderers.ts";
import { judgeAloneAfter, judgeAloneBefore } from "./core/judge-alone.ts";
import { KUBERNETES_VERSION } from "./core/kubernetes-version.ts";
import { selects } from "./core/placement.ts";
import { judgeSuspended, type ProjectRules } from "./core/policy.ts";
import { renderSpecOf, type VariantCluster } from "./core/variants.ts";
import { isInProject } from "./core/wanted.ts";
import { remoteOf } from "./flows/git-remotes.ts";
import { createVariantRenderer } from "./flows/render/render-variant.ts";
import { renderVariants } from "./flows/render/render-variants.ts";
import { createChartSupply } from "./flows/render/supply-charts.ts";
import { BUNDLE_LIMITS } from "./ports/bundler.ts";
import type { CredentialStore } from "./ports/credentials.ts";
import { noMetrics } from "./ports/metrics.ts";
import type { SourceTree } from "./ports/source-tree.ts";

const FETCH_TIMEOUT_MS = 10 * 60_000;

/** The files of a Source's present Revision. */
export interface FetchedSource {
  readonly tree: SourceTree;
  /** A commit, or the digest of an artifact. */
  readonly revision: string;
  readonly subject: string;
}

export interface AppJob {
  readonly app: AppDefinition;
  /** Null: where every cluster gets the same. */
  readonly cluster: VariantCluster | null;
  /** `""` is the App's own Source, and so is its name; the others that values come from by theirs. */
  readonly trees: ReadonlyMap<string, SourceTree>;
  /** What its Project allows; null: nothing is known of it, or it limits nothing. */
  readonly rules: ProjectRules;
  /** The Sources of `trees`, as far as they are defined: they are held to the Project as well. */
  readonly sources: readonly SourceDefinition[];
}

export type AppRendering =
  | {
      readonly kind: "rendered";
      /** zstd-compressed canonical form, as agents get it. */
      readonly bundle: Uint8Array;
      readonly digest: string;
      /** What objects without a namespace are given in the cluster. */
      readonly namespace: string;
      /** `helm 4.3.1`. */
      readonly renderer: string;
      readonly notices: readonly Problem[];
      /** Whether the App goes to the cluster; `selected` without one. */
      readonly placement: "selected" | "not-selected" | "not-in-project";
    }
  /** It differs from cluster to cluster, and none was named. */
  | { readonly kind: "needs-cluster" }
  | { readonly kind: "invalid"; readonly problems: readonly Problem[] };

/** Renders Apps as the hub does, with no hub, no store and no cluster: for looking before anything is decided. */
export interface AppRenderer {
  /** @throws AppError as GitSource, ArtifactSource and CredentialStore say; "not-found" for a ref that is not there. */
  fetch(source: SourceDefinition, opts: { signal: AbortSignal }): Promise<FetchedSource>;
  /** @throws AppError "unavailable" for what is not the files' fault, "cancelled". */
  render(job: AppJob, opts: { signal: AbortSignal }): Promise<AppRendering>;
  close(): Promise<void>;
}

export interface AppRendererOptions {
  /** Mirrors, artifacts and sandboxes; the caller removes it afterwards. */
  readonly directory: string;
  /** As `--credentials-dir` of a hub; null: there are none. */
  readonly credentialsDirectory: string | null;
}

/**
 * The hub's own renderers, Bundler, Git and charts, on this machine. Every address may be reached: it is a person's own
 * network.
 */
export async function createAppRenderer(options: AppRendererOptions): Promise<AppRenderer> {
  const closers: (() => Promise<void> | void)[] = [];
  const close = async (): Promise<void> => {
    for (let end = closers.pop(); end !== undefined; end = closers.pop()) await end();
  };
  try {
    return { ...(await open(options, closers)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function open(
  { directory, credentialsDirectory }: AppRendererOptions,
  closers: (() => Promise<void> | void)[],
): Promise<Omit<AppRenderer, "close">> {
  await mkdir(directory, { recursive: true });
  const clock = systemClock;
  const policy = createAddressPolicy(parseAllowed(["all"]));
  const dispatcherOf = (connection: ConnectionOptions) => createJudgedDispatcher(policy, connection);
  const { git } = await openGit({
    engine: "auto",
    directory: join(directory, "git"),
    network: { policy, dispatcherOf, allowsFiles: true },
  });
  closers.push(() => git.close());
  const mounted = openMountedCredentials({ directory: credentialsDirectory, dispatcherOf, clock, log: silentLog });
  closers.push(() => mounted.close());
  const credentials = credentialsDirectory === null ? noCredentials : mounted;
  const http = createHttpClient({ dispatcherOf });
  closers.push(() => http.close());
  const registry = createOciRegistry({ http, clock });
  const charts = createChartSource({ http, oci: createOciCharts({ registry }) });
  closers.push(() => charts.close());
  const artifacts = await openArtifacts({ registry, directory: join(directory, "artifacts") });
  closers.push(() => artifacts.close());
  const bundler = createWorkerBundler({ workers: 1 });
  closers.push(() => bundler.close());
  const tools = await openRenderers({
    directory: join(directory, "render"),
    helm: null,
    kustomize: null,
    processesMax: 2,
  });
  closers.push(() => tools.close());

  const kept = new Map<string, Uint8Array>();
  const blobs = {
    get: async (name: string) => kept.get(name) ?? null,
    has: async (name: string) => kept.has(name),
    put: async (name: string, bytes: Uint8Array) => void kept.set(name, bytes),
  };
  const renderer = createVariantRenderer({
    renderers: tools.renderers,
    bundler,
    blobs,
    limits: BUNDLE_LIMITS,
    kubernetesVersion: KUBERNETES_VERSION,
    clock,
    metrics: noMetrics,
  });
  const supply = createChartSupply({ charts, credentials, blobs, hold: () => {}, clock });

  return {
    async fetch(source, { signal }) {
      const { git: wanted, oci } = source.spec;
      const deadline = withDeadline(FETCH_TIMEOUT_MS, signal);
      if (oci !== undefined) {
        const use = { project: source.metadata.project, url: oci.url };
        const repository = {
          url: oci.url,
          credentials:
            oci.credentials === undefined ? null : await credentials.resolve(oci.credentials, use, { signal }),
        };
        const { revision, title } = await artifacts.resolve(repository, oci.ref, { signal: deadline });
        await artifacts.fetch(repository, revision, { signal: deadline });
        return { tree: artifacts.treeAt(revision), revision, subject: title };
      }
      const remote = await remoteOf({ definition: source }, credentials, { signal: deadline });
      const refs = [{ ref: wanted?.ref ?? {}, knownHead: null }];
      const [result] = await git.fetch(remote, { wanted: refs, signal: deadline });
      if (result?.kind !== "found") {
        const { reason = "it was not looked for", fix } = result ?? {};
        throw new AppError("not-found", `${reason}.`, fix === undefined ? {} : { fix });
      }
      const { id, subject } = result.commit;
      return { tree: git.treeAt(remote, id), revision: id, subject };
    },

    async render({ app, cluster, trees, rules, sources }, { signal }) {
      const forbidden = judgeAloneBefore(rules, { app, sources });
      if (forbidden.length > 0) return { kind: "invalid", problems: forbidden };
      const chart = await supply.of({ definition: app }, { latest: null, signal });
      if (chart.kind === "invalid") return chart;
      const outcome = await renderVariants(
        renderer,
        {
          spec: renderSpecOf(app.spec),
          clusters: cluster === null ? [] : [cluster],
          trees,
          chart: chart.chart,
          appName: app.metadata.name,
          fairnessKey: formatApp(app.metadata),
          known: () => null,
          knownRenderer: "",
        },
        { signal, hold: () => {} },
      );
      if (outcome.kind === "invalid") return outcome;
      const [made] = outcome.variants;
      if (made === undefined) return { kind: "needs-cluster" };
      const { bundle, scopes, renderer: by, notices } = made.outcome;
      const { namespace } = made.entry;
      const tooMuch = judgeAloneAfter(rules, app, { ...bundle, scopes: scopes ?? [], namespace });
      if (tooMuch.length > 0) return { kind: "invalid", problems: tooMuch };
      const suspended = judgeSuspended(rules, app.metadata.project);
      return {
        kind: "rendered",
        bundle: kept.get(bundle.digest) as Uint8Array,
        digest: bundle.digest,
        namespace,
        renderer: by.version,
        notices: suspended === null ? notices : [suspended, ...notices],
        placement: placementOf(app, cluster, rules),
      };
    },
  };
}

function placementOf(
  { spec }: AppDefinition,
  cluster: VariantCluster | null,
  rules: ProjectRules,
): "selected" | "not-selected" | "not-in-project" {
  if (cluster === null) return "selected";
  if (!selects(spec.clusters, cluster)) return "not-selected";
  return isInProject(cluster, rules) ? "selected" : "not-in-project";
}

const noCredentials: CredentialStore = {
  async resolve(name, { url }) {
    throw new AppError("not-found", `${url} needs the credential ${JSON.stringify(name)}, which only the hub has`, {
      fix: "Render from a checkout with --local DIR, or name a directory of credentials with --credentials-dir.",
    });
  },
};
