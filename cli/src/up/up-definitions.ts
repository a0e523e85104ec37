import { existsSync } from "node:fs";
import { basename, isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { EXIT, Failure } from "../failure.ts";

/** What `muster up` was asked to run. */
export interface UpRequest {
  /** A URL that the hub can fetch. */
  readonly repository: string;
  readonly branch: string;
  readonly path: string;
  readonly namespace: string;
  /** Name of the App, and of its Source. */
  readonly name: string;
}

/** A path on this machine becomes a `file://` URL; everything else is taken as it is. */
export function repositoryUrl(text: string, folder: string): string {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text) || /^[^/]+@[^/]+:/.test(text)) return text;
  const path = isAbsolute(text) ? text : resolve(folder, text);
  if (!existsSync(path)) throw new Failure(EXIT.usage, `There is no repository at ${path}.`);
  return pathToFileURL(path).href;
}

/** A name for the App: the last part of the path that is one, or of the repository. */
export function appNameOf(repository: string, path: string): string {
  const candidates = [...path.split("/").reverse(), basename(repository).replace(/\.git$/, "")];
  for (const candidate of candidates) {
    const name = clean(candidate);
    if (name !== "") return name;
  }
  return "app";
}

/** A kubeconfig context's name, as a cluster may be called: `kind-dev`, `arn-aws-eks-…-prod`. */
export function clusterNameOf(context: string, taken: readonly string[]): string {
  const name = clean(context) || "cluster";
  for (let count = 1; ; count++) {
    const candidate = count === 1 ? name : `${name.slice(0, 60)}-${count}`;
    if (!taken.includes(candidate)) return candidate;
  }
}

const clean = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(-63)
    .replace(/^-+|-+$/g, "");

/** Source and App. Nothing is adopted, and only what the App made itself is ever pruned. */
export function upDefinitions(request: UpRequest, clusters: readonly string[]): readonly object[] {
  const { name, repository, branch, path, namespace } = request;
  const apiVersion = "muster.dev/v1alpha1";
  // A repository on this machine costs nothing to look at, and nobody sends a webhook for it.
  const poll = repository.startsWith("file://") ? "2s" : "15s";
  return [
    {
      apiVersion,
      kind: "Source",
      metadata: { name },
      spec: { git: { url: repository, ref: { branch } }, poll },
    },
    {
      apiVersion,
      kind: "App",
      metadata: { name },
      spec: {
        source: { name, path },
        destination: { namespace, createNamespace: namespace !== "default" },
        clusters: { names: clusters },
        sync: { adopt: "none", drift: "heal", prune: true },
      },
    },
  ];
}
