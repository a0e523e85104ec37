import { promisify } from "node:util";
import { constants, zstdCompress, zstdDecompress } from "node:zlib";
import { AppError, isAppError } from "@muster/shared/errors.ts";
import type { ObjectRef } from "@muster/shared/model/object-ref.ts";
import type { ClusterApi, LiveObject } from "../../ports/cluster-api.ts";

/** On every Secret of the agent's state; its value says what is in it. */
export const STATE_LABEL = "muster.dev/state";
const WRITER_ANNOTATION = "muster.dev/writer";
const FORMAT = "muster-agent-state/v1";

/** Kubernetes takes 1 MiB of data in a Secret. */
const bytesMax = 900 * 1024;
/** What a Secret may unfold to: far above what fits in, far below what hurts. */
const unfoldedBytesMax = 256 * 1024 * 1024;

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

export interface SecretStore {
  readonly cluster: ClusterApi;
  readonly namespace: string;
  /** Who writes: the process. */
  readonly instance: string;
}

/**
 * One JSON value in one Secret, compressed, written by one fenced writer.
 *
 * States: unread, absent or held (a resource version is known), uncertain (a write failed without an answer: it may
 * have happened). Every write carries the resource version, so a writer that lost the Lease fails; when a write fails
 * because our own uncertain one did happen, it is repeated on top of that.
 *
 * Writes are grouped: those asked for while one is under way go out together as the next.
 */
export class SecretDocument<T> {
  readonly #store: SecretStore;
  readonly #ref: ObjectRef;
  readonly #state: string;
  readonly #content: () => T;
  #held: LiveObject["metadata"] | null = null;
  #fence = 0;
  #next: PromiseWithResolvers<void> | null = null;
  #isWriting = false;

  /** `content` gives what is to be written, asked when the write begins. */
  constructor(store: SecretStore, opts: { name: string; state: string; content: () => T }) {
    this.#store = store;
    this.#ref = { apiVersion: "v1", kind: "Secret", namespace: store.namespace, name: opts.name };
    this.#state = opts.state;
    this.#content = opts.content;
  }

  /** Takes over what a list showed, and shuts out every writer with an older fence. Returns the content. */
  async claim(found: LiveObject, fence: number): Promise<unknown> {
    this.#fence = fence;
    for (let secret: LiveObject | null = found; secret !== null; ) {
      const writer = parseWriter(secret);
      if (writer !== null && writer.fence > fence) throw this.#fenced(writer.instance);
      this.#held = secret.metadata;
      const content = await readContent(secret);
      if (writer?.fence === fence && writer.instance === this.#store.instance) return content;
      try {
        const { data, type } = secret;
        this.#held = (await this.#store.cluster.replace(this.#secret(data, type))).metadata;
        return content;
      } catch (error) {
        if (!isAppError(error, "conflict")) throw error;
        secret = await this.#store.cluster.get(this.#ref);
      }
    }
    this.#held = null;
    return null;
  }

  /** Nothing is there yet; the first write makes it. */
  expectAbsent(fence: number): void {
    this.#fence = fence;
    this.#held = null;
  }

  /** Resolves when everything asked for so far is stored. @throws AppError "conflict" when another writer took over. */
  write(): Promise<void> {
    this.#next ??= Promise.withResolvers<void>();
    const { promise } = this.#next;
    if (!this.#isWriting) void this.#drain();
    return promise;
  }

  async #drain(): Promise<void> {
    this.#isWriting = true;
    // Everything that is asked for in this turn goes out in one request.
    await Promise.resolve();
    for (let batch = this.#next; batch !== null; batch = this.#next) {
      this.#next = null;
      try {
        await this.#put(await this.#encode());
        batch.resolve();
      } catch (error) {
        batch.reject(error);
      }
    }
    this.#isWriting = false;
  }

  async #put(data: Readonly<Record<string, string>>): Promise<void> {
    for (let triesLeft = 3; ; triesLeft--) {
      try {
        const { cluster } = this.#store;
        const secret = this.#secret(data, "Opaque");
        const stored = this.#held === null ? await this.#create(secret) : await cluster.replace(secret);
        this.#held = stored.metadata;
        return;
      } catch (error) {
        if (!isAppError(error, "conflict") && !isAppError(error, "not-found")) throw error;
        const found = await this.#store.cluster.get(this.#ref);
        const writer = found && parseWriter(found);
        if (writer && (writer.instance !== this.#store.instance || writer.fence !== this.#fence)) {
          throw this.#fenced(writer.instance, error);
        }
        if (triesLeft === 0) throw error;
        // Our own earlier write did happen, or somebody deleted or edited the Secret by hand: ours is the truth.
        this.#held = found?.metadata ?? null;
      }
    }
  }

  async #create(secret: LiveObject): Promise<LiveObject> {
    const { cluster, namespace } = this.#store;
    try {
      return await cluster.create(secret);
    } catch (error) {
      if (!isAppError(error, "not-found")) throw error;
      await ensureNamespace(cluster, namespace);
      return cluster.create(secret);
    }
  }

  async #encode(): Promise<Readonly<Record<string, string>>> {
    const json = Buffer.from(JSON.stringify(this.#content()));
    const packed = await compress(json, { params: { [constants.ZSTD_c_compressionLevel]: 3 } });
    if (packed.byteLength > bytesMax) {
      throw new AppError(
        "too-large",
        `Secret ${this.#ref.namespace}/${this.#ref.name} would have ${packed.byteLength} bytes; ${bytesMax} is the most.`,
        {
          fix: "Split the largest Apps of this cluster into smaller ones.",
        },
      );
    }
    return { format: Buffer.from(FORMAT).toString("base64"), content: packed.toString("base64") };
  }

  #secret(data: unknown, type: unknown): LiveObject {
    const { name, namespace } = this.#ref;
    return {
      apiVersion: "v1",
      kind: "Secret",
      type,
      metadata: {
        name,
        namespace,
        labels: { [STATE_LABEL]: this.#state, "app.kubernetes.io/managed-by": "muster" },
        annotations: { [WRITER_ANNOTATION]: `${this.#fence}/${this.#store.instance}` },
        ...(this.#held === null ? {} : { uid: this.#held.uid, resourceVersion: this.#held.resourceVersion }),
      } as LiveObject["metadata"],
      data,
    };
  }

  #fenced(other: string, cause?: unknown): AppError {
    return new AppError("conflict", `the agent ${other} writes the state of this cluster now`, { cause });
  }
}

/** A Secret that is being deleted is rebuilt by what it held; a Namespace that is missing is made. */
export async function ensureNamespace(cluster: ClusterApi, name: string): Promise<void> {
  try {
    await cluster.create({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
  } catch (error) {
    if (!isAppError(error, "conflict")) throw error;
  }
}

function parseWriter(secret: LiveObject): { fence: number; instance: string } | null {
  const match = /^(\d+)\/(.+)$/.exec(secret.metadata.annotations?.[WRITER_ANNOTATION] ?? "");
  return match ? { fence: Number(match[1]), instance: match[2] as string } : null;
}

async function readContent(secret: LiveObject): Promise<unknown> {
  const where = `Secret ${secret.metadata.namespace}/${secret.metadata.name}`;
  const data = (secret.data ?? {}) as Readonly<Record<string, string>>;
  const format = Buffer.from(data.format ?? "", "base64").toString();
  if (format !== FORMAT) {
    throw new AppError(
      "unsupported",
      `${where} is of format ${format.slice(0, 60) || "unknown"}; this agent reads ${FORMAT}.`,
      {
        fix: "Run the version of the agent that wrote it, or a later one.",
      },
    );
  }
  try {
    const json = await decompress(Buffer.from(data.content ?? "", "base64"), { maxOutputLength: unfoldedBytesMax });
    return JSON.parse(json.toString());
  } catch (cause) {
    throw new AppError("corrupt", `${where} cannot be read.`, {
      cause,
      fix: "Restore it from a backup. Deleting it makes the agent forget what it owns: it would never prune that.",
    });
  }
}
