import type { Instant } from "@muster/shared/clock.ts";
import type { AppUid, ClusterId } from "@muster/shared/model/ids.ts";
import type { HeldMark } from "../core/epoch.ts";
import type { AgentSession } from "../ports/agent-link.ts";

/**
 * One connection of an agent. It is greeted (known, sent nothing), then open once the ack went out: an acting session
 * is sent what differs, a stand-by nothing until it says that it acts.
 */
export interface OpenSession {
  readonly session: AgentSession;
  readonly cluster: ClusterId;
  readonly clusterName: string;
  readonly instance: string;
  readonly agentVersion: string;
  readonly kubernetesVersion: string;
  readonly openedAt: Instant;
  lastSeen: Instant;
  isOpen: boolean;
  isActing: boolean;
  /** What the agent holds, by its Hello and by what was sent since. */
  readonly held: Map<AppUid, HeldMark>;
}

/** The sessions there are, by cluster. One of a cluster acts at a time: the one that said so last. */
export class Sessions {
  readonly #ofCluster = new Map<ClusterId, Set<OpenSession>>();
  readonly #bySession = new Map<AgentSession, OpenSession>();

  get size(): number {
    return this.#bySession.size;
  }

  add(open: OpenSession): void {
    this.#bySession.set(open.session, open);
    const all = this.#ofCluster.get(open.cluster) ?? new Set();
    this.#ofCluster.set(open.cluster, all.add(open));
  }

  remove(session: AgentSession): OpenSession | null {
    const open = this.#bySession.get(session);
    if (open === undefined) return null;
    this.#bySession.delete(session);
    const all = this.#ofCluster.get(open.cluster);
    all?.delete(open);
    if (all?.size === 0) this.#ofCluster.delete(open.cluster);
    return open;
  }

  get(session: AgentSession): OpenSession | null {
    return this.#bySession.get(session) ?? null;
  }

  of(cluster: ClusterId): readonly OpenSession[] {
    return [...(this.#ofCluster.get(cluster) ?? [])];
  }

  acting(cluster: ClusterId): OpenSession | null {
    for (const open of this.#ofCluster.get(cluster) ?? []) if (open.isOpen && open.isActing) return open;
    return null;
  }

  isConnected(cluster: ClusterId): boolean {
    for (const open of this.#ofCluster.get(cluster) ?? []) if (open.isOpen) return true;
    return false;
  }

  /** The connection to show people: the acting one, or a stand-by. */
  shown(cluster: ClusterId): OpenSession | null {
    return this.acting(cluster) ?? this.of(cluster).find((open) => open.isOpen) ?? null;
  }

  all(): readonly OpenSession[] {
    return [...this.#bySession.values()];
  }
}
