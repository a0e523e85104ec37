import type { Changes } from "../forge/working-copy.ts";

/** One object as JSON, which is YAML. */
export const configMap = (name: string, data: Readonly<Record<string, string>> = {}, metadata: object = {}): string =>
  `${JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, ...metadata }, data }, null, 2)}\n`;

/** `count` ConfigMaps named `PREFIX-N`, in a file of that name each, all with `value` and padded to `bytes`. */
export const configMaps = (prefix: string, count: number, value: string, bytes = 0): Changes =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [
      `${prefix}-${index}.yaml`,
      configMap(`${prefix}-${index}`, { value, ...(bytes ? { filler: `${index}`.padEnd(bytes, ".") } : {}) }),
    ]),
  );

export const sourceDefinition = (name: string, url: string, options: { poll?: string; credentials?: string } = {}) => ({
  apiVersion: "muster.dev/v1alpha1",
  kind: "Source",
  metadata: { name },
  spec: {
    git: {
      url,
      ref: { branch: "main" },
      ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    },
    poll: options.poll ?? "1m",
  },
});

export interface AppDefinitionOptions {
  readonly source: string;
  readonly path: string;
  readonly namespace: string;
  readonly clusters?: object;
  readonly sync?: object;
  readonly onUnplaced?: object;
}

export const appDefinition = (name: string, options: AppDefinitionOptions) => ({
  apiVersion: "muster.dev/v1alpha1",
  kind: "App",
  metadata: { name },
  spec: {
    source: { name: options.source, path: options.path },
    destination: { namespace: options.namespace },
    clusters: options.clusters ?? { all: true },
    ...(options.sync ? { sync: options.sync } : {}),
    ...(options.onUnplaced ? { onUnplaced: options.onUnplaced } : {}),
  },
});
