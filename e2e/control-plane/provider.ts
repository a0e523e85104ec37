import type { KubernetesChoice } from "./versions.ts";

export type ProviderKind = "built" | "kind" | "kubeconfig";

/** Where test clusters come from. One contract suite (`provider.contract.ts`) holds for all. */
export interface ClusterProvider {
  readonly kind: ProviderKind;
  /** Beyond the contract, what clusters of this provider can do. */
  readonly supports: ProviderSupport;
  /** Whether `start` could work here and now; changes nothing. */
  available(needs?: ClusterNeeds): Promise<Availability>;
  /** Slow work that is done once per machine, such as building binaries. Safe to repeat. */
  prepare(needs?: ClusterNeeds): Promise<void>;
  /** @throws with the end of the log of the part that did not start; nothing is left running then. */
  start(options: StartOptions): Promise<ControlPlane>;
}

export interface ProviderSupport {
  /** Clusters can be made at will, rather than being the ones that a person named. */
  readonly newClusters: boolean;
  readonly stopApiServer: boolean;
  readonly auditLog: boolean;
  readonly apiServerFlags: boolean;
}

export interface ClusterNeeds {
  readonly clusters?: number;
  readonly kubernetes?: KubernetesChoice;
}

export type Availability =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: string; readonly install: string };

export interface ClusterOptions {
  readonly kubernetes?: KubernetesChoice;
  /** Fake nodes on which pods "run"; needs controllers. Default 1. */
  readonly nodes?: number;
  /** Controller manager, scheduler and fake nodes. Without them objects are stored and nothing acts on them. Default true. */
  readonly controllers?: boolean;
  /** Writes every request to `auditLogPath` as one JSON event per line. Default false. */
  readonly auditLog?: boolean;
  /** Appended to the API server's flags, so that they win. */
  readonly apiServerFlags?: readonly string[];
}

export interface StartOptions extends ClusterOptions {
  readonly clusters: number;
}

export interface ControlPlane {
  readonly provider: ProviderKind;
  /** Grows with `addCluster`. */
  readonly clusters: readonly TestCluster[];
  /** One more, beside those that run; options default to those of `start`. */
  addCluster(options?: ClusterOptions): Promise<TestCluster>;
  /** Stops everything in reverse order and removes its folders. Safe to repeat. */
  stop(): Promise<void>;
}

export interface TestCluster {
  readonly name: string;
  /** As the API server says it, such as `v1.37.2`. */
  readonly kubernetesVersion: string;
  /** `https://127.0.0.1:PORT` */
  readonly server: string;
  readonly caPem: string;
  /** Bearer token of a member of `system:masters`, or of a service account with every right. */
  readonly adminToken: string;
  readonly kubeconfigPath: string;
  readonly kubeconfig: string;
  readonly kubectlPath: string;
  /** Set where `auditLog` was asked for. */
  readonly auditLogPath: string | undefined;
  /** The processes behind it, in the order they were started; empty where they are not ours. */
  readonly processes: readonly { readonly name: string; readonly pid: number }[];

  /** As an administrator, or with the token given. Does not throw on an error status. */
  request(method: HttpMethod, path: string, options?: RequestOptions): Promise<ClusterResponse>;
  /** @throws with what kubectl printed when it fails. Answers its standard output. */
  kubectl(args: readonly string[], options?: { stdin?: string }): Promise<string>;
  /** The uid of the `kube-system` namespace, which is what identifies a cluster. */
  kubeSystemUid(): Promise<string>;
  /** A namespace of a name nobody else uses, gone at the latest when the control plane is stopped. */
  createNamespace(prefix?: string): Promise<string>;
  /** The events of the audit log so far. */
  auditEvents(): Promise<AuditEvent[]>;
  /** For fault tests: connections are refused until `startApiServer`. What is stored stays. */
  stopApiServer(): Promise<void>;
  startApiServer(): Promise<void>;
  /** Stops this one alone. Safe to repeat. */
  stop(): Promise<void>;
}

export type HttpMethod = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface RequestOptions {
  readonly body?: unknown;
  /** Default `application/json`. */
  readonly contentType?: string;
  /** Instead of the administrator's. */
  readonly token?: string;
  readonly signal?: AbortSignal;
}

export interface ClusterResponse {
  readonly status: number;
  readonly text: string;
  /** The body as JSON; an empty object when it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: tests pick fields of whatever Kubernetes answered
  readonly json: any;
}

/** The part of `audit.k8s.io/v1` Event that tests look at. */
export interface AuditEvent {
  readonly auditID: string;
  readonly stage: string;
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string; readonly groups?: readonly string[] };
  readonly userAgent?: string;
  readonly objectRef?: {
    readonly resource?: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly apiGroup?: string;
    readonly apiVersion?: string;
    readonly subresource?: string;
  };
  readonly responseStatus?: { readonly code?: number; readonly reason?: string };
  readonly requestReceivedTimestamp: string;
}
