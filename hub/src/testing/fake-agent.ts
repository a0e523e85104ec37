import { createHash } from "node:crypto";
import type { Assignment, SignedAssignment } from "@muster/shared/model/assignment.ts";
import type { AppUid, ClusterId } from "@muster/shared/model/ids.ts";
import type { KeyHash } from "@muster/shared/model/joining.ts";
import { compareMarks, type Mark } from "@muster/shared/model/mark.ts";
import type { Report } from "@muster/shared/model/report.ts";
import type { Hello } from "@muster/shared/model/session.ts";
import { decodeAssignment } from "@muster/shared/wire/assignment.ts";
import type { AgentGate, AgentSession, HubEvent } from "../ports/agent-link.ts";

type Held = { mark: Mark; proof: SignedAssignment; assignment: Assignment };

/**
 * An agent without a cluster: keeps marks as the real one must, reports Healthy at once, and notes every breach of what
 * the hub promises. It outlives hubs: what it holds is what the cluster holds.
 */
export class FakeAgent {
  readonly cluster: ClusterId;
  readonly clusterUid: string;
  readonly publicKey: KeyHash;
  readonly held = new Map<AppUid, Held>();
  /** Payload hash by epoch and generation: the same mark must always have the same bytes. */
  readonly #given = new Map<string, string>();
  readonly breaches: string[] = [];
  readonly received: Assignment[] = [];
  readonly events: HubEvent["kind"][] = [];
  ahead: readonly AppUid[] = [];
  refusal: { code: string; message: string } | null = null;
  /** Whether it reports at all, and what. */
  report: ((assignment: Assignment) => Partial<Report> | null) | null = () => ({});
  #session: AgentSession | null = null;
  #gate: AgentGate | null = null;
  #closed = new AbortController();
  #sequence = 0;

  constructor(cluster: ClusterId, clusterUid: string, publicKey: KeyHash) {
    this.cluster = cluster;
    this.clusterUid = clusterUid;
    this.publicKey = publicKey;
  }

  get isConnected(): boolean {
    return this.#session !== null;
  }

  /** False when the hub refused. */
  async connect(gate: AgentGate, change: Partial<Hello> = {}): Promise<boolean> {
    this.disconnect();
    const closed = new AbortController();
    const session: AgentSession = {
      peer: {
        clusterId: this.cluster,
        clusterUid: this.clusterUid,
        certificateSerial: "01",
        publicKey: this.publicKey,
        address: "127.0.0.1:1",
      },
      send: (event) => {
        if (!closed.signal.aborted) this.#receive(event);
      },
      refuse: (code, message) => {
        this.refusal = { code, message };
        this.disconnect();
      },
      closed: closed.signal,
    };
    this.#closed = closed;
    const hello: Hello = {
      protocol: { min: 1, max: 1 },
      agentVersion: "0.1.0",
      capabilities: ["bundle/b1", "apply/v1"],
      kubernetesVersion: "1.37",
      clusterUid: this.clusterUid,
      instance: `${this.cluster}-1`,
      isActing: true,
      have: [...this.held.values()].map(({ mark, proof }) => ({ mark, proof })),
      ...change,
    };
    const answer = await gate.greet(session, hello);
    if (answer.kind === "refused") {
      this.refusal = answer;
      return false;
    }
    this.#gate = gate;
    this.#session = session;
    answer.onAckSent();
    return true;
  }

  setActing(isActing: boolean): void {
    if (this.#session) this.#gate?.acting(this.#session, isActing);
  }

  disconnect(): void {
    const session = this.#session;
    this.#session = null;
    this.#closed.abort();
    if (session) this.#gate?.gone(session);
  }

  /** What it would run: the digest of the bundle, or null after a tombstone. */
  digestOf(app: AppUid): string | null {
    const content = this.held.get(app)?.assignment.content;
    return content?.kind === "run" ? content.bundle.digest : null;
  }

  async send(...reports: Report[]): Promise<void> {
    if (this.#session === null || this.#gate === null) return;
    this.#sequence += 1;
    await this.#gate.report(this.#session, { sequence: this.#sequence, reports });
  }

  #receive(event: HubEvent): void {
    this.events.push(event.kind);
    if (event.kind === "ahead") this.ahead = event.apps;
    // A hub that was killed may have lost the last reports: an agent tells its state anew in each session.
    if (event.kind === "in-sync") for (const { assignment } of this.held.values()) this.#tell(assignment);
    if (event.kind !== "assignment") return;
    const assignment = decodeAssignment(event.signed.payload);
    this.received.push(assignment);
    const payloadSha256 = createHash("sha256").update(event.signed.payload).digest("hex");
    const { epoch, generation, hubId } = assignment;
    const { uid } = assignment.app;
    const id = `${uid} ${epoch.number}.${epoch.tag}.${generation}`;
    if (assignment.clusterId !== this.cluster) this.breaches.push(`assignment of another cluster: ${id}`);
    if ((this.#given.get(id) ?? payloadSha256) !== payloadSha256) this.breaches.push(`generation reused: ${id}`);
    this.#given.set(id, payloadSha256);
    const held = this.held.get(uid);
    const order = held === undefined ? "newer" : compareMarks(assignment, held.mark);
    if (order === "older" || order === "incomparable") this.breaches.push(`${order} assignment: ${id}`);
    if (order !== "newer") return;
    const mark: Mark = { hubId, appUid: uid, epoch, generation, payloadSha256 };
    this.held.set(uid, { mark, proof: event.signed, assignment });
    this.#tell(assignment);
  }

  #tell(assignment: Assignment): void {
    const change = this.report?.(assignment) ?? null;
    if (change !== null) this.send(reportOf(assignment, change)).catch(() => {});
  }
}

/** A Healthy report of an assignment, or a confirmed tombstone. */
export function reportOf(assignment: Assignment, change: Partial<Report> = {}): Report {
  const { content } = assignment;
  const isRun = content.kind === "run";
  return {
    app: assignment.app,
    epoch: assignment.epoch,
    generation: assignment.generation,
    digest: isRun ? content.bundle.digest : null,
    phase: isRun ? "Applied" : "Removed",
    sync: "Synced",
    health: "Healthy",
    message: "",
    counts: { objects: 1, synced: 1, healthy: 1, pruned: 0 },
    objects: [],
    drift: [],
    problems: [],
    observedAt: 1_700_000_000_000,
    ...change,
  };
}
