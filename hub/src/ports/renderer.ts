import type { Problem } from "@muster/shared/model/problem.ts";
import type { SourceTree } from "./source-tree.ts";

export type RendererKind = "plain" | "kustomize" | "helm";

/** What is to be rendered: one variant of an App, everything about it resolved. */
export interface RenderRequest {
  /** The App's directory in its own Source, `/`-separated, `""` for the root. */
  readonly path: string;
  readonly options: RenderOptions;
  readonly destination: { readonly namespace: string };
  /** For Helm's `.Capabilities`. */
  readonly capabilities: Capabilities;
}

export interface Capabilities {
  /** `1.34`. */
  readonly kubernetes: string;
  /** `apps/v1`, `monitoring.coreos.com/v1/ServiceMonitor`, beyond those that Kubernetes itself has. */
  readonly apiVersions: readonly string[];
}

export type RenderOptions =
  /** Globs relative to the App's directory; an empty `include` means every `.yaml`, `.yml` and `.json`. */
  | {
      readonly kind: "plain";
      readonly include: readonly string[];
      readonly exclude: readonly string[];
      readonly recurse: boolean;
    }
  | {
      readonly kind: "kustomize";
      /** Hosts that remote bases may come from. Rendering has no network: naming one here is for a clearer error only. */
      readonly remoteHosts: readonly string[];
    }
  | {
      readonly kind: "helm";
      /** Null: the App's directory is the chart. */
      readonly chart: { readonly name: string; readonly version: string; readonly digest: string } | null;
      readonly releaseName: string;
      /** Files in order, the later wins. `source` "" is the App's own; paths are relative to the App's directory there,
       *  and to the root of the tree in another Source. `isOptional`: absent is not an error. */
      readonly valuesFiles: readonly { readonly source: string; readonly path: string; readonly isOptional: boolean }[];
      /** Over every file. */
      readonly values: Readonly<Record<string, unknown>>;
      /** Over `values`; keys are dotted paths as `helm --set` reads them. */
      readonly set: Readonly<Record<string, unknown>>;
      readonly includeCrds: boolean;
      /** Whether hooks are in the result, as annotated objects: the agent runs them. */
      readonly includeHooks: boolean;
    };

export interface ClosureFile {
  /** "" is the App's own Source; otherwise the name of another. */
  readonly source: string;
  /** From the root of that Source's tree. */
  readonly path: string;
  readonly oid: string;
  readonly mode: "file" | "executable";
}

/**
 * Exactly what a render depends on. Two trees in which all of this is equal give equal results; whatever else differs
 * between them is nobody's business.
 */
export interface Closure {
  /** Ordered by source and path. */
  readonly files: readonly ClosureFile[];
  /** Directories whose listing matters (globs, `templates/`), by the object id of the whole directory. */
  readonly directories: readonly { readonly source: string; readonly path: string; readonly oid: string }[];
  /** Looked for and not there. */
  readonly absent: readonly { readonly source: string; readonly path: string }[];
}

export interface RenderLimits {
  readonly filesMax: number;
  /** All files of the closure together. */
  readonly inputBytesMax: number;
  readonly outputBytesMax: number;
  readonly memoryBytesMax: number;
  readonly timeoutMsMax: number;
}

export const RENDER_LIMITS: RenderLimits = {
  filesMax: 5_000,
  inputBytesMax: 64 * 1024 * 1024,
  outputBytesMax: 64 * 1024 * 1024,
  memoryBytesMax: 1024 * 1024 * 1024,
  timeoutMsMax: 30_000,
};

/** A closure with its contents: plain data, so that it can travel to a renderer in another container. */
export interface RenderJob {
  readonly request: RenderRequest;
  readonly files: readonly (ClosureFile & { readonly bytes: Uint8Array })[];
  /** The archive of `options.chart`, when there is one. */
  readonly chart: Uint8Array | null;
  readonly limits: RenderLimits;
}

export type TraceResult =
  | { readonly kind: "closure"; readonly closure: Closure }
  | { readonly kind: "invalid"; readonly problems: readonly Problem[] };

export interface RenderedManifest {
  /** From the root of the App's tree: the file itself, or the template or kustomization that this came out of. */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Absent: these are the bytes of the file, and mistakes in it are told with its lines. True: the lines are only those
   *  of the output, so they are nobody's to look up. */
  readonly isOutput?: true;
}

export type RenderResult =
  | {
      readonly kind: "rendered";
      /** Manifests as text, for the Bundler, ordered by path. */
      readonly manifests: readonly RenderedManifest[];
      /** Not wrong, but worth knowing: a template that is not a function of its input, say. */
      readonly notices: readonly Problem[];
    }
  /** The same input will always fail. Paths in problems are from the root of the tree. */
  | { readonly kind: "invalid"; readonly problems: readonly Problem[] };

export interface RenderCallOptions {
  readonly signal: AbortSignal;
  /** Who asks: the address of the App's repository. What one of them asks for never holds up the others. */
  readonly fairnessKey: string;
}

/**
 * Turns a Revision's files into manifests. In two steps, because what a render reads is known before it is run:
 * `trace` finds the closure and is cheap; `render` works on the closure alone, without network, environment, or
 * anything else of the machine.
 */
export interface Renderer {
  readonly kind: RendererKind;
  /** `helm 4.3.1`: part of a Release's frozen inputs. Raised whenever equal input may give other output. */
  readonly version: string;
  /** What keeps a render from doing harm here, in words for people: said, not assumed. */
  readonly isolation: string;
  /** Something may have to be rendered soon: what takes a while to start may start now. */
  prepare(): void;
  /**
   * What a render of this request would read. `trees` holds a tree for "" and for every other Source that is named.
   * @throws AppError "unavailable" when a tree cannot be read.
   */
  trace(request: RenderRequest, trees: ReadonlyMap<string, SourceTree>): Promise<TraceResult>;
  /** @throws AppError "unavailable" when it could not be run in time for reasons that are not the input's, "cancelled". */
  render(job: RenderJob, opts: RenderCallOptions): Promise<RenderResult>;
  close(): Promise<void>;
}
