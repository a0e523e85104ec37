import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { AppError } from "@muster/shared/errors.ts";
import { encodeBundle } from "@muster/shared/manifest/bundle.ts";
import { type Assignment, assignment, CAPABILITIES, type SignedAssignment } from "@muster/shared/model/assignment.ts";
import type { Digest } from "@muster/shared/model/ids.ts";
import { compareMarks } from "@muster/shared/model/mark.ts";
import { objectRef } from "@muster/shared/model/object-ref.ts";
import type { Report } from "@muster/shared/model/report.ts";
import type { Hello, KeySet, SignedKeySet } from "@muster/shared/model/session.ts";
import { DOMAIN } from "@muster/shared/trust/domain.ts";
import { signKeySet } from "@muster/shared/trust/key-set.ts";
import { keyIdOf, rawEd25519, signEd25519 } from "@muster/shared/trust/sign.ts";
import { decodeAssignment, encodeAssignment } from "@muster/shared/wire/assignment.ts";
import type { HubLink, HubMessage, HubSession } from "../ports/hub-link.ts";

/** A Kubernetes object as a test writes it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

export const configMap = (name: string, data: Record<string, string>, metadata: object = {}): Manifest => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, ...metadata },
  data,
});

type Run = Extract<Assignment["content"], { kind: "run" }>;
export interface AssignOptions {
  readonly uid?: string;
  readonly project?: string;
  readonly generation: number;
  readonly epoch?: Assignment["epoch"];
  readonly hubId?: string;
  readonly clusterId?: string;
  readonly requires?: readonly string[];
  readonly sync?: Partial<Run["sync"]>;
  readonly destination?: Partial<Run["destination"]>;
  readonly removal?: Run["removal"];
  readonly policy?: Run["policy"];
  readonly takesOverFrom?: Run["takesOverFrom"];
}

interface Connection {
  readonly hello: Hello;
  readonly send: (message: HubMessage) => void;
  readonly end: (error?: AppError) => void;
}

/** A hub as far as an agent sees one: signs, sends the difference, serves bundles, takes reports. */
export class FakeHub {
  readonly hubId = "hub-1";
  readonly clusterId = "cluster-1";
  readonly reports: Report[] = [];
  readonly hellos: Hello[] = [];
  readonly bundles = new Map<Digest, Uint8Array>();
  readonly fetches: { digest: Digest; offset: number }[] = [];
  readonly connections = new Set<Connection>();
  /** Chunks of a bundle as they are sent; a test may cut or change them. */
  chunksOf: (bytes: Uint8Array) => Iterable<Uint8Array | AppError> = (bytes) => [bytes];
  isReachable = true;
  #key = newKey();
  #version = 1;
  readonly #assigned = new Map<string, SignedAssignment>();

  get keySet(): KeySet {
    return { version: this.#version, keys: [{ id: this.#key.id, publicKey: this.#key.publicKey }] };
  }

  /** What every session begins with; a test changes it by `rotate`. */
  signedKeySet: SignedKeySet = { payload: new Uint8Array(), keyId: "root", signature: new Uint8Array(64) };

  /** A new signing key, vouched for by the old one. */
  rotate(): SignedKeySet {
    const former = this.#key;
    this.#key = newKey();
    this.#version += 1;
    const next = {
      version: this.#version,
      keys: [former, this.#key].map(({ id, publicKey }) => ({ id, publicKey })),
    };
    this.signedKeySet = signKeySet(next, {
      keyId: former.id,
      sign: (payload) => signEd25519(former.privateKey, DOMAIN.keySet, payload),
    });
    return this.signedKeySet;
  }

  /** Stores the bundle and returns its digest. */
  bundle(objects: readonly Manifest[]): { digest: Digest; objects: number; bytes: number } {
    const sealed = encodeBundle(
      objects.map((object) => ({
        ref: objectRef.parse({ ...object.metadata, apiVersion: object.apiVersion, kind: object.kind }),
        object,
      })),
    );
    this.bundles.set(sealed.digest, sealed.compressed);
    return { digest: sealed.digest, objects: objects.length, bytes: sealed.canonical.byteLength };
  }

  make(name: string, content: Assignment["content"], opts: AssignOptions): SignedAssignment {
    return this.sign(
      assignment.parse({
        hubId: opts.hubId ?? this.hubId,
        clusterId: opts.clusterId ?? this.clusterId,
        app: { uid: opts.uid ?? `uid-${name}`, project: opts.project ?? "default", name },
        epoch: opts.epoch ?? { number: 1, tag: "e1" },
        generation: opts.generation,
        requires: opts.requires ?? [...CAPABILITIES],
        content,
      }),
    );
  }

  run(name: string, objects: readonly Manifest[], opts: AssignOptions): SignedAssignment {
    return this.make(
      name,
      {
        kind: "run",
        bundle: this.bundle(objects),
        release: { number: opts.generation, commit: "c".repeat(40), direction: "forward" },
        destination: { namespace: "default", createNamespace: false, ...opts.destination },
        sync: { adopt: "none", drift: "heal", prune: true, ...opts.sync },
        ...(opts.removal === undefined ? {} : { removal: opts.removal }),
        ...(opts.policy === undefined ? {} : { policy: opts.policy }),
        ...(opts.takesOverFrom === undefined ? {} : { takesOverFrom: opts.takesOverFrom }),
      },
      opts,
    );
  }

  sign(value: Assignment): SignedAssignment {
    return this.signPayload(encodeAssignment(value));
  }

  /** Of what this version may not be able to say. */
  signPayload(payload: Uint8Array): SignedAssignment {
    const { id, privateKey } = this.#key;
    return { payload, keyId: id, signature: signEd25519(privateKey, DOMAIN.assignment, payload) };
  }

  /** Assigns and sends. */
  assign(name: string, objects: readonly Manifest[], opts: AssignOptions): SignedAssignment {
    return this.give(this.run(name, objects, opts));
  }

  remove(name: string, action: "delete" | "keep", opts: AssignOptions): SignedAssignment {
    return this.give(
      this.make(name, { kind: "remove", action, ...(opts.removal ? { removal: opts.removal } : {}) }, opts),
    );
  }

  /** What the hub wants from now on. */
  give(signed: SignedAssignment): SignedAssignment {
    this.#assigned.set(decodeAssignment(signed.payload).app.uid, signed);
    this.send(signed);
    return signed;
  }

  /** Sends without meaning it: what an attacker, or a bus, would do. */
  send(signed: SignedAssignment): void {
    for (const { hello, send } of this.connections) if (hello.isActing) send({ kind: "assignment", signed });
  }

  forget(uid: string): void {
    this.#assigned.delete(uid);
  }

  cut(): void {
    for (const { end } of [...this.connections]) end(new AppError("unavailable", "the connection was cut"));
  }

  /** The last report of an App, by uid or by its name. */
  last(name: string): Report | undefined {
    return this.reports.findLast(({ app }) => app.uid === name || app.name === name);
  }

  link(): HubLink {
    return {
      connect: async (hello) => this.#connect(hello),
      close: async () => {},
    };
  }

  #connect(hello: Hello): HubSession {
    if (!this.isReachable) throw new AppError("unavailable", "the hub does not answer");
    this.hellos.push(hello);
    const queue: HubMessage[] = [];
    let wake: (() => void) | null = null;
    const ending: { isOver: boolean; error?: AppError } = { isOver: false };
    const connection: Connection = {
      hello,
      send: (message) => {
        queue.push(message);
        wake?.();
      },
      end: (error) => {
        if (!ending.isOver && error) ending.error = error;
        ending.isOver = true;
        this.connections.delete(connection);
        wake?.();
      },
    };
    this.connections.add(connection);
    if (hello.isActing) {
      for (const signed of this.#assigned.values()) {
        const wanted = decodeAssignment(signed.payload);
        const held = hello.have.find(({ mark }) => mark.appUid === wanted.app.uid)?.mark;
        if (!held || compareMarks(wanted, held) !== "same") connection.send({ kind: "assignment", signed });
      }
      connection.send({ kind: "in-sync" });
    }
    const hub = this;
    return {
      ack: {
        protocol: 1,
        hubId: this.hubId,
        hubVersion: "0.1.0",
        keySet: this.signedKeySet,
        heartbeatMs: 10_000,
        hubTime: 0,
      },
      messages: (async function* () {
        for (;;) {
          const next = queue.shift();
          if (next) yield next;
          else if (ending.isOver) {
            if (ending.error) throw ending.error;
            return;
          } else {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
        }
      })(),
      async report(reports) {
        if (ending.isOver) throw new AppError("unavailable", "the session ended");
        hub.reports.push(...reports);
      },
      setActing() {},
      async *fetchBundle(digest, { offset }) {
        hub.fetches.push({ digest, offset });
        const bytes = hub.bundles.get(digest);
        if (!bytes) throw new AppError("not-found", `no bundle ${digest}`);
        for (const chunk of hub.chunksOf(bytes.subarray(offset))) {
          if (ending.isOver) throw new AppError("unavailable", "the session ended");
          if (chunk instanceof AppError) throw chunk;
          yield chunk;
        }
      },
      async close() {
        connection.end();
      },
    };
  }

  /** All of an App's reports with this phase. */
  withPhase(name: string, phase: Report["phase"]): Report[] {
    return this.reports.filter(({ app, phase: told }) => (app.uid === name || app.name === name) && told === phase);
  }
}

function newKey(): { id: string; publicKey: Uint8Array; privateKey: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const raw = rawEd25519(publicKey);
  return { id: keyIdOf(raw), publicKey: raw, privateKey };
}
