import type { Clock } from "@muster/shared/clock.ts";
import { AppError, isAppError } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import { formatObject, type ObjectRef } from "@muster/shared/model/object-ref.ts";
import type { ClusterApi, LiveObject, ServiceAccount } from "../../ports/cluster-api.ts";
import type { ClusterConnection } from "./connection.ts";
import { createDiscovery } from "./discovery.ts";
import { ApiRefusal } from "./errors.ts";
import { explainImpersonation, userNameOf } from "./impersonate.ts";
import { listAll } from "./list.ts";
import { collectionPath, objectPath, query } from "./object-path.ts";
import { type ApiRequest, createTransport } from "./transport.ts";
import { watchKind } from "./watch.ts";
import { WRITE_TIMEOUT_MS } from "./write-timeout.ts";

export interface KubernetesClusterOptions {
  readonly connection: ClusterConnection;
  readonly clock: Clock;
  /** `[0, 1)`, for jitter. */
  readonly random: () => number;
  readonly log: Log;
  /** The program's own: `0.1.0`, said in the User-Agent. */
  readonly version: string;
  /** Who owns the fields that are applied; default `muster`. */
  readonly fieldManager?: string;
  /** What happens to a field that the kind does not know; default `Strict`: refused, so that no typo is lost. */
  readonly fieldValidation?: "Strict" | "Warn";
  /** Connections kept for requests; default 8. Watches have their own. */
  readonly connectionsMax?: number;
  /** Milliseconds for one read, its retries included; default 30 s. */
  readonly readTimeoutMs?: number;
  /** Milliseconds for one write, its retries included, told to the API server too; default 15 s. The Lease counts on it. */
  readonly writeTimeoutMs?: number;
  /** Milliseconds without an event or bookmark after which a watch is opened anew; default 90 s. */
  readonly watchSilenceMsMax?: number;
  /** What the API server warned of on a write, such as a deprecated API version. */
  readonly onWarning?: (ref: ObjectRef, text: string) => void;
}

/** A real API server as the port wants it. Nothing is opened before the first call. */
export function createKubernetesCluster(options: KubernetesClusterOptions): ClusterApi {
  const { clock, random, log, fieldManager = "muster", fieldValidation = "Strict" } = options;
  const { readTimeoutMs = 30_000, writeTimeoutMs = WRITE_TIMEOUT_MS, watchSilenceMsMax = 90_000 } = options;
  const transport = createTransport({
    connection: options.connection,
    clock,
    random,
    userAgent: `muster-agent/${options.version}`,
    connectionsMax: options.connectionsMax ?? 8,
  });
  const discovery = createDiscovery(transport, { timeoutMs: readTimeoutMs });
  // The server drops a write that it has not finished by then, so none lands after its caller gave up.
  const timeout = `${Math.ceil(writeTimeoutMs / 1_000)}s`;

  const read = async (path: string, subject: string, signal?: AbortSignal): Promise<unknown> => {
    const { text } = await transport.request({
      method: "GET",
      path,
      subject,
      timeoutMs: readTimeoutMs,
      signal,
      isRepeatable: true,
    });
    return JSON.parse(text);
  };

  const write = async (
    ref: ObjectRef,
    request: Pick<ApiRequest, "method" | "path" | "body" | "contentType" | "isRepeatable" | "signal">,
    actAs?: ServiceAccount,
  ): Promise<LiveObject> => {
    const subject = formatObject(ref);
    const impersonate = actAs && userNameOf(actAs);
    try {
      const { text, warnings } = await transport.request({
        ...request,
        impersonate,
        subject,
        timeoutMs: writeTimeoutMs,
      });
      for (const warning of warnings) options.onWarning?.(ref, warning);
      return JSON.parse(text) as LiveObject;
    } catch (error) {
      const clear = explained(error, ref, discovery.forget);
      throw actAs === undefined ? clear : explainImpersonation(clear, actAs);
    }
  };

  const writeBody = async (method: "POST" | "PUT", object: object): Promise<LiveObject> => {
    const ref = refOf(object as LiveObject);
    const kind = await discovery.resolve(ref.apiVersion, ref.kind);
    const target = objectPath(kind, ref);
    const path = method === "POST" ? collectionPath(kind, ref.namespace) : target;
    return write(ref, {
      method,
      path: path + query({ fieldManager, fieldValidation, timeout }),
      body: JSON.stringify(object),
      contentType: "application/json",
      isRepeatable: false,
    });
  };

  return {
    async version() {
      const { major, minor } = (await read("/version", "version")) as { major: string; minor: string };
      // Some providers say `34+`.
      return `${major}.${minor.replace(/\D.*$/, "")}`;
    },

    async clusterUid() {
      const namespace = (await read("/api/v1/namespaces/kube-system", "Namespace kube-system")) as LiveObject;
      return namespace.metadata.uid;
    },

    resolve: (apiVersion, kind) => discovery.resolve(apiVersion, kind),

    async get(ref) {
      const kind = await discovery.resolve(ref.apiVersion, ref.kind);
      try {
        return (await read(objectPath(kind, ref), formatObject(ref))) as LiveObject;
      } catch (error) {
        const clear = explained(error, ref, discovery.forget);
        if (isAppError(clear, "not-found")) return null;
        throw clear;
      }
    },

    async apply(ref, body, { force, dryRun = false, actAs, signal }) {
      const kind = await discovery.resolve(ref.apiVersion, ref.kind);
      const dry = dryRun ? "All" : undefined;
      const request = {
        method: "PATCH",
        path: objectPath(kind, ref) + query({ fieldManager, force, fieldValidation, dryRun: dry, timeout }),
        body,
        // JSON is YAML: there is no media type for applying JSON that every supported version knows.
        contentType: "application/apply-patch+yaml",
        isRepeatable: true,
        signal,
      } as const;
      return write(ref, request, actAs);
    },

    async delete(ref, { uid, actAs, signal }) {
      const kind = await discovery.resolve(ref.apiVersion, ref.kind).catch((error: unknown) => {
        // Objects go with their kind: a deleted definition leaves nothing to delete.
        if (isAppError(error, "unsupported")) return null;
        throw error;
      });
      if (!kind) return;
      const preconditions = uid === undefined ? {} : { preconditions: { uid } };
      try {
        const options = {
          kind: "DeleteOptions",
          apiVersion: "v1",
          propagationPolicy: "Background",
          ...preconditions,
        };
        const request = {
          method: "DELETE",
          path: objectPath(kind, ref) + query({ timeout }),
          body: JSON.stringify(options),
          contentType: "application/json",
          isRepeatable: uid !== undefined,
          signal,
        } as const;
        await write(ref, request, actAs);
      } catch (error) {
        if (isAppError(error, "not-found") || isAppError(error, "unsupported")) return;
        if (uid !== undefined && isOfAnotherUid(error)) return;
        if (isBeingDeleted(error)) return;
        throw error;
      }
    },

    watch: (kind, { labelSelector, signal }) =>
      watchKind({
        transport,
        kind,
        labelSelector,
        signal,
        clock,
        random,
        log,
        listTimeoutMs: readTimeoutMs,
        silenceMsMax: watchSilenceMsMax,
      }),

    async list(kind, { labelSelector, namespace }) {
      return (await listAll(transport, { kind, namespace, labelSelector, timeoutMs: readTimeoutMs })).objects;
    },

    create: (object) => writeBody("POST", object),
    replace: (object) => writeBody("PUT", object),
    close: () => transport.close(),
  };
}

/** The object of that uid is gone, and another stands in its place: not ours to delete. */
const isOfAnotherUid = (error: unknown): boolean =>
  error instanceof ApiRefusal && error.status === 409 && /UID in (the )?precondition/i.test(error.message);

/** A namespace that is being emptied answers so to a second delete. */
const isBeingDeleted = (error: unknown): boolean =>
  error instanceof ApiRefusal && error.status === 409 && /ensuring all content is removed/.test(error.message);

/** A 404 can mean three things: the object, its namespace, or its whole kind is not there. */
function explained(error: unknown, ref: ObjectRef, forget: (apiVersion: string) => void): unknown {
  if (!(error instanceof ApiRefusal) || error.status !== 404) return error;
  if (error.reason === "NotFound" && !/could not find the requested resource/.test(error.message)) return error;
  forget(ref.apiVersion);
  return new AppError(
    "unsupported",
    `${formatObject(ref)}: the cluster has no kind ${ref.kind} in ${ref.apiVersion} any more`,
    {
      cause: error,
    },
  );
}

const refOf = (object: LiveObject): ObjectRef => ({
  apiVersion: object.apiVersion,
  kind: object.kind,
  namespace: object.metadata.namespace ?? "",
  name: object.metadata.name,
});
