import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import type { Clock } from "@muster/shared/clock.ts";
import { AppError, messageOf } from "@muster/shared/errors.ts";
import { z } from "zod";
import type { ClusterConnection, ConnectionTls } from "./connection.ts";
import { rereadFile } from "./in-cluster.ts";
import { pluginCredentials } from "./plugin-credentials.ts";

export interface KubeconfigOptions {
  readonly clock: Clock;
  /** Left out: the kubeconfig's current context. */
  readonly context?: string;
  /** Left out: the files of `KUBECONFIG`, or `~/.kube/config`. */
  readonly path?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

const text = z.string().min(1).optional().catch(undefined);
const clusterEntry = z.object({
  server: z.url(),
  "certificate-authority": text,
  "certificate-authority-data": text,
  "insecure-skip-tls-verify": z.boolean().nullish(),
  "tls-server-name": text,
  "proxy-url": text,
});
const userEntry = z.looseObject({
  token: text,
  tokenFile: text,
  "client-certificate": text,
  "client-certificate-data": text,
  "client-key": text,
  "client-key-data": text,
  username: text,
  password: text,
  exec: z.looseObject({ command: z.string() }).nullish(),
  "auth-provider": z.looseObject({ name: z.string() }).nullish(),
});
const named = <T extends z.ZodType>(key: string, value: T) =>
  z
    .array(z.object({ name: z.string(), [key]: value.nullish() }))
    .nullish()
    .transform((entries) => new Map((entries ?? []).map((entry) => [entry.name as string, entry[key] as z.infer<T>])));
const kubeconfigFile = z.object({
  "current-context": text,
  contexts: named("context", z.object({ cluster: z.string(), user: z.string().default(""), namespace: text })),
  clusters: named("cluster", clusterEntry),
  users: named("user", userEntry),
});
type KubeconfigFile = z.infer<typeof kubeconfigFile>;
export type KubeconfigUser = z.infer<typeof userEntry>;

/**
 * The API server of a kubeconfig's context. Read here rather than by `@kubernetes/client-node`, which costs 60 MB of
 * memory; that is loaded for users whose credentials come from a plug-in.
 * @throws AppError "not-found" (no file, or no such context: the message names those there are), "invalid".
 */
export async function connectKubeconfig(options: KubeconfigOptions): Promise<ClusterConnection> {
  const { clock, env = process.env } = options;
  const paths = options.path ? [options.path] : pathsOf(env);
  const files = await Promise.all(paths.map(readKubeconfig));
  const found = files.filter((file) => file !== null);
  if (found.length === 0) {
    throw new AppError("not-found", `there is no kubeconfig at ${paths.join(", ")}`, {
      fix: "Set KUBECONFIG to the file that names your clusters.",
    });
  }

  const name = options.context ?? found.find((file) => file.content["current-context"])?.content["current-context"];
  const { value: context } = lookUp(found, "contexts", name, "context");
  const { value: cluster, folder } = lookUp(found, "clusters", context.cluster, "cluster");
  const user = context.user === "" ? undefined : lookUp(found, "users", context.user, "user");
  if (cluster["proxy-url"]) {
    throw new AppError("unsupported", `context ${name}: "proxy-url" is not supported`, {
      fix: "Make the API server reachable without a proxy, or run the agent inside the cluster.",
    });
  }

  const clusterTls: ConnectionTls = {
    ...optional("ca", await pem(cluster["certificate-authority-data"], cluster["certificate-authority"], folder)),
    ...optional("servername", cluster["tls-server-name"]),
    rejectUnauthorized: cluster["insecure-skip-tls-verify"] !== true,
  };
  const server = cluster.server.replace(/\/+$/, "");
  const isPlugin = user?.value.exec || user?.value["auth-provider"];
  const credentials = isPlugin
    ? await pluginCredentials({ user: user.value, folder: user.folder, server, clusterTls })
    : await fixedCredentials({ user: user?.value ?? {}, folder: user?.folder ?? "", clusterTls, clock });
  return { description: `context ${name}`, server, namespace: context.namespace, ...credentials };
}

async function fixedCredentials(given: {
  user: KubeconfigUser;
  folder: string;
  clusterTls: ConnectionTls;
  clock: Clock;
}): Promise<Pick<ClusterConnection, "tls" | "authorization">> {
  const { user, folder, clusterTls, clock } = given;
  const tls: ConnectionTls = {
    ...clusterTls,
    ...optional("cert", await pem(user["client-certificate-data"], user["client-certificate"], folder)),
    ...optional("key", await pem(user["client-key-data"], user["client-key"], folder)),
  };
  const tokenFile = user.tokenFile ? rereadFile(resolve(folder, user.tokenFile), clock) : undefined;
  return {
    tls: async () => tls,
    async authorization({ isRefused }) {
      // As kubectl has it: the file wins over the text beside it.
      if (tokenFile) return `Bearer ${await tokenFile.read({ isStale: isRefused })}`;
      if (user.token) return `Bearer ${user.token}`;
      if (!user.username) return undefined;
      return `Basic ${Buffer.from(`${user.username}:${user.password ?? ""}`).toString("base64")}`;
    },
  };
}

interface ReadFile {
  readonly path: string;
  /** Relative paths inside the file are relative to it. */
  readonly folder: string;
  readonly content: KubeconfigFile;
}

function pathsOf(env: Readonly<Record<string, string | undefined>>): string[] {
  const listed = (env.KUBECONFIG ?? "").split(delimiter).filter((path) => path !== "");
  return listed.length > 0 ? listed : [join(homedir(), ".kube", "config")];
}

async function readKubeconfig(path: string): Promise<ReadFile | null> {
  let yaml: string;
  try {
    yaml = await readFile(path, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new AppError("invalid", `cannot read the kubeconfig ${path}: ${messageOf(cause)}`, { cause });
  }
  try {
    // Loaded here, because an agent in its cluster never needs it.
    const { load } = await import("js-yaml");
    return { path, folder: dirname(resolve(path)), content: kubeconfigFile.parse(load(yaml) ?? {}) };
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(cause) : messageOf(cause);
    throw new AppError("invalid", `the kubeconfig ${path} is not valid: ${why}`, { cause });
  }
}

/** The first file that has the entry wins, as kubectl has it. */
function lookUp<K extends "contexts" | "clusters" | "users">(
  files: readonly ReadFile[],
  section: K,
  name: string | undefined,
  noun: string,
): { value: NonNullable<ReturnType<KubeconfigFile[K]["get"]>>; folder: string } {
  if (name === undefined) {
    throw new AppError("not-found", "the kubeconfig has no current context", { fix: "Name one with --context." });
  }
  for (const { content, folder } of files) {
    const value = content[section].get(name);
    if (value) return { value: value as NonNullable<ReturnType<KubeconfigFile[K]["get"]>>, folder };
  }
  const known = [...new Set(files.flatMap(({ content }) => [...content[section].keys()]))];
  throw new AppError("not-found", `the kubeconfig has no ${noun} "${name}"`, {
    fix: known.length > 0 ? `It has: ${known.join(", ")}.` : `It names no ${noun} at all.`,
  });
}

async function pem(base64: string | undefined, path: string | undefined, folder: string): Promise<string | undefined> {
  if (base64) return Buffer.from(base64, "base64").toString("utf8");
  if (!path) return undefined;
  return readFile(resolve(folder, path), "utf8").catch((cause) => {
    throw new AppError("invalid", `the kubeconfig names ${path}, which cannot be read`, { cause });
  });
}

const optional = <K extends string>(key: K, value: string | undefined) =>
  (value === undefined ? {} : { [key]: value }) as { [key in K]?: string };
