import { setImmediate as breathe } from "node:timers/promises";
import type { Clock } from "@muster/shared/clock.ts";
import { messageOf } from "@muster/shared/errors.ts";
import type { Log } from "@muster/shared/log.ts";
import { type AppUid, type ClusterId, type Digest, formatApp, type HubId } from "@muster/shared/model/ids.ts";
import { PROTOCOL } from "@muster/shared/model/session.ts";
import type { ClusterRecord } from "../core/cluster-record.ts";
import type { AssignedEntry } from "../core/documents/assigned.ts";
import { judgeHeld, type Place } from "../core/epoch.ts";
import type { AgentGate, Peer } from "../ports/agent-link.ts";
import type { AssignmentSigner } from "../ports/assignment-signer.ts";
import type { ClusterIdentities } from "../ports/enrolment.ts";
import type { HubMetrics } from "../ports/metrics.ts";
import type { Blobs } from "../ports/store.ts";
import { assignmentPayload } from "./assignment-payload.ts";
import type { HubState } from "./hub-state.ts";
import type { IngestReports } from "./ingest-reports.ts";
import { judgeHello } from "./judge-hello.ts";
import type { OpenSession, Sessions } from "./sessions.ts";
import type { Traces } from "./trace.ts";

/** Assignments signed and sent before others get a turn. */
const BURST = 32;

export interface PublishAssignmentsDeps {
  readonly state: HubState;
  readonly hubId: HubId;
  readonly hubVersion: string;
  readonly identities: ClusterIdentities;
  readonly signer: AssignmentSigner;
  readonly sessions: Sessions;
  readonly ingest: IngestReports;
  readonly blobs: Blobs;
  /** An agent proved what the hub has forgotten. */
  readonly onForgotten: (proven: readonly Place[], because: string) => Promise<void>;
  /** A cluster came or went: stages may complete, or wait. */
  readonly onPresence: (cluster: ClusterId) => void;
  readonly heartbeatMs: number;
  readonly traces: Traces;
  readonly clock: Clock;
  readonly metrics: HubMetrics;
  readonly log: Log;
}

/**
 * Assigned → signed → agent. Hears of entries that are stored, and of agents that connect; both ends come together in
 * `publish`: send what the agent does not hold, unless it is Ahead. Losing, repeating or reordering any of it is mended
 * by the next Hello.
 */
export function publishAssignments(
  deps: PublishAssignmentsDeps,
): AgentGate & { end(cluster: ClusterId, why: string): void } {
  const { state, sessions, signer, clock, metrics, log, traces } = deps;

  state.assigned.onChange((_key, value, before) => {
    if (value === null) return;
    traces.mark(value.app, "assigned", clock.now());
    for (const [cluster, entry] of Object.entries(value.clusters) as [ClusterId, AssignedEntry][]) {
      if (before?.clusters[cluster] === entry) continue;
      const open = sessions.acting(cluster);
      if (open !== null) publish(open, value.app, entry);
    }
  });

  // A certificate lives for a day; the key in it counts only until another agent joined as the cluster.
  state.clusters.onChange((cluster, record) => {
    if (record === null || record.revoked !== null) return;
    for (const { session } of sessions.of(cluster as ClusterId)) {
      if (isSuperseded(record, session.peer)) session.refuse("forbidden", superseded(record));
    }
  });

  /** Sends one entry if the agent needs it. */
  function publish(open: OpenSession, app: AppUid, entry: AssignedEntry): void {
    const held = open.held.get(app);
    if (held !== undefined && judgeHeld(held, entry) !== "behind") return;
    const began = clock.now();
    const intent = state.intents.get(app);
    if (intent === null) return;
    const { content } = entry;
    const release = content.kind === "run" ? state.releasesOf(app).get(content.release) : undefined;
    const ids = { app: formatApp(intent.app), cluster: open.cluster, generation: entry.generation };
    if (content.kind === "run" && release === undefined) {
      log.error({ ...ids, release: content.release }, "assignment names a release that is not stored");
      return;
    }
    const made = assignmentPayload({ hubId: deps.hubId, cluster: open.cluster, app: intent.app, entry, release });
    if (made === null) return;
    if (made.sha256 !== entry.payloadSha256) {
      // Other bytes under a generation that was given already would be refused, rightly.
      log.error(ids, "assignment does not encode to the bytes it was stored with; it is not sent");
      return;
    }
    open.session.send({ kind: "assignment", signed: signer.sign(made.payload) });
    open.held.set(app, { epoch: entry.epoch, generation: entry.generation, payloadSha256: made.sha256 });
    metrics.count("assignments-sent");
    metrics.took("publish", clock.now() - began);
    if (content.kind === "run") traces.cluster(app, content.release, open.clusterName, "sent", clock.now());
    log.debug(ids, "assignment published");
  }

  /** Everything the agent does not hold, then `in-sync`, and which Apps it is Ahead of. */
  async function synchronise(open: OpenSession): Promise<void> {
    let count = 0;
    for (const app of oldestFirst(state, open.cluster)) {
      if (open.session.closed.aborted || !open.isActing) return;
      // Looked up now: while this went on, it may have changed, and then it was sent already.
      const entry = state.entriesIn(open.cluster).get(app);
      if (entry !== undefined) publish(open, app, entry);
      count += 1;
      if (count % BURST === 0) await breathe();
    }
    const ahead = [...open.held].filter(
      ([app, held]) => judgeHeld(held, state.entriesIn(open.cluster).get(app)) === "ahead",
    );
    if (ahead.length > 0) open.session.send({ kind: "ahead", apps: ahead.map(([app]) => app) });
    open.session.send({ kind: "in-sync" });
  }

  function startActing(open: OpenSession): void {
    for (const other of sessions.of(open.cluster)) {
      if (other === open || !other.isActing) continue;
      other.isActing = false;
      log.warn({ cluster: open.cluster, instance: other.instance, by: open.instance }, "another session acts now");
      other.session.refuse("Superseded", `another agent of ${open.clusterName} acts now; this session was ended.`);
    }
    open.isActing = true;
    synchronise(open).catch((error: unknown) => {
      log.error({ cluster: open.cluster, err: error }, "assignments not sent; the session is ended");
      open.session.refuse("Unavailable", "the hub could not send what this cluster is assigned; connect again.");
    });
  }

  function notePresence(open: OpenSession): void {
    const { cluster, lastSeen, agentVersion, kubernetesVersion } = open;
    const value = {
      lastSeen,
      agentVersion: agentVersion.slice(0, 64),
      kubernetesVersion: kubernetesVersion.slice(0, 64),
    };
    state.presence
      .write(cluster, () => value, { durable: false })
      .catch((error: unknown) => log.warn({ cluster, reason: messageOf(error) }, "last contact not stored"));
    deps.onPresence(cluster);
    state.notifyChange();
  }

  return {
    async greet(session, hello) {
      const { peer } = session;
      const refused = (code: string, message: string) => {
        metrics.count("sessions-refused");
        log.warn({ cluster: peer.clusterId, from: peer.address, code }, "session refused");
        return { kind: "refused" as const, code, message };
      };
      const protocol = Math.min(hello.protocol.max, PROTOCOL.max);
      if (protocol < Math.max(hello.protocol.min, PROTOCOL.min)) {
        const theirs = `${hello.protocol.min} to ${hello.protocol.max}`;
        const message = `the agent (${hello.agentVersion}) speaks protocol ${theirs}, this hub (${deps.hubVersion}) ${PROTOCOL.min} to ${PROTOCOL.max}: upgrade the older one.`;
        return refused("ProtocolUnsupported", message);
      }
      const known = await deps.identities.checkPeer(peer, { clusterUid: hello.clusterUid });
      if (known.kind === "refused") return refused(known.code, known.message);

      const cluster = peer.clusterId;
      const entries = state.entriesIn(cluster);
      const verdict = judgeHello({ hubId: deps.hubId, cluster, have: hello.have, entries, signer });
      if (verdict.ignored.length > 0) {
        metrics.count("proofs-ignored", verdict.ignored.length);
        log.warn({ cluster, apps: verdict.ignored }, "marks without a valid proof are not believed");
      }
      if (verdict.ahead.length > 0) {
        metrics.count("ahead-found", verdict.ahead.length);
        const marks = verdict.ahead.map(({ mark }) => mark);
        const because = `${known.record.name} proved ${marks.length} assignment(s) that this hub does not remember`;
        await deps.onForgotten(marks, because);
      }
      await noteStanding(cluster, verdict);

      const now = clock.now();
      const open: OpenSession = {
        session,
        cluster,
        clusterName: known.record.name,
        instance: hello.instance,
        agentVersion: hello.agentVersion,
        kubernetesVersion: hello.kubernetesVersion,
        openedAt: now,
        lastSeen: now,
        isOpen: false,
        isActing: hello.isActing,
        held: verdict.held,
      };
      const ack = {
        protocol,
        hubId: deps.hubId,
        hubVersion: deps.hubVersion,
        keySet: signer.keySet(),
        heartbeatMs: deps.heartbeatMs,
        hubTime: now,
      };
      const onAckSent = (): void => {
        if (session.closed.aborted) return;
        // Revoked or superseded while it was greeted: whoever did that found no session to end.
        const record = state.clusters.get(cluster);
        if (record?.revoked) {
          session.refuse("forbidden", `${open.clusterName} was removed.`);
          return;
        }
        if (record !== null && record.changes > known.record.changes && isSuperseded(record, peer)) {
          session.refuse("forbidden", superseded(record));
          return;
        }
        sessions.add(open);
        open.isOpen = true;
        metrics.sessions(sessions.size);
        log.info(
          { cluster, name: open.clusterName, instance: open.instance, acting: open.isActing },
          "agent connected",
        );
        if (open.isActing) startActing(open);
        notePresence(open);
      };
      return { kind: "accepted", ack, onAckSent };
    },

    async report(session, { sequence, reports }) {
      const open = sessions.get(session);
      if (open === null) return;
      open.lastSeen = clock.now();
      await deps.ingest.report(open.cluster, open.clusterName, reports);
      session.send({ kind: "report-ack", sequence });
    },

    heartbeat(session) {
      const open = sessions.get(session);
      if (open !== null) open.lastSeen = clock.now();
    },

    acting(session, isActing) {
      const open = sessions.get(session);
      if (open === null || open.isActing === isActing) return;
      if (isActing) startActing(open);
      else open.isActing = false;
      state.notifyChange();
    },

    gone(session) {
      const open = sessions.remove(session);
      if (open === null) return;
      open.isOpen = false;
      metrics.sessions(sessions.size);
      log.info({ cluster: open.cluster, name: open.clusterName, instance: open.instance }, "agent gone");
      notePresence(open);
    },

    async openBundle(peer: Peer, digest: Digest) {
      const known = await deps.identities.checkPeer(peer, { clusterUid: peer.clusterUid });
      if (known.kind === "refused" || !wasAssigned(state, peer.clusterId, digest)) return null;
      const bytes = await deps.blobs.size(digest);
      if (bytes === null) return null;
      return { bytes, read: (from, to) => deps.blobs.read(digest, { from, to }) };
    },

    end(cluster, why) {
      for (const open of sessions.of(cluster)) open.session.refuse("forbidden", why);
    },
  };

  /** What the Hello says of being Ahead is kept beside the reports, for the planner and for people. */
  async function noteStanding(cluster: ClusterId, verdict: ReturnType<typeof judgeHello>): Promise<void> {
    const aheadOf = new Map(verdict.ahead.map(({ app, mark }) => [app, mark]));
    for (const app of new Set([...state.entriesIn(cluster).keys(), ...aheadOf.keys()])) {
      const mark = aheadOf.get(app);
      const before = state.observedOf(app).get(cluster)?.ahead ?? null;
      if (mark === undefined && before === null) continue;
      const ahead = mark === undefined ? null : { epoch: mark.epoch, generation: mark.generation };
      await deps.ingest.noteAhead(cluster, app, ahead);
    }
  }
}

const isSuperseded = ({ identity }: ClusterRecord, { publicKey, clusterUid }: Peer): boolean =>
  identity === null || identity.publicKey !== publicKey || identity.clusterUid !== clusterUid;

const superseded = ({ name }: ClusterRecord): string =>
  `this identity of ${name} was superseded: an agent joined with another key since. What runs here keeps running.`;

/** Now, or as far back as the entry remembers: a rollback fetches an older bundle only once it is assigned. */
function wasAssigned(state: HubState, cluster: ClusterId, digest: Digest): boolean {
  for (const [app, { content, history }] of state.entriesIn(cluster)) {
    if (content.kind === "run" && content.digest === digest) return true;
    const releases = state.releasesOf(app);
    const wasHere = history.some(
      (former) =>
        former.digest === digest ||
        (former.release !== null && releases.get(former.release)?.bundle?.digest === digest),
    );
    if (wasHere) return true;
  }
  return false;
}

/** Of two Apps that a cluster hears of for the first time and that want one object, the older is to have it. */
function oldestFirst(state: HubState, cluster: ClusterId): readonly AppUid[] {
  const apps = [...state.entriesIn(cluster).keys()].map((app) => ({ app, created: state.appByUid(app)?.created ?? 0 }));
  return apps.sort((a, b) => a.created - b.created || (a.app < b.app ? -1 : 1)).map(({ app }) => app);
}
