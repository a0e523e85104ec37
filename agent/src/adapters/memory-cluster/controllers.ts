import type { Clock } from "@muster/shared/clock.ts";
import { isAppError } from "@muster/shared/errors.ts";
import type { LiveObject } from "../../ports/cluster-api.ts";
import { definedKinds, type MemoryKind } from "./kinds.ts";
import type { Change } from "./object-store.ts";
import { readyStatus } from "./ready-status.ts";
import { deleteObject, putStatus, type WriteDesk } from "./write-object.ts";

export interface ControllersOptions {
  readonly desk: WriteDesk;
  readonly clock: Clock;
  /** Between a change and its status, and between the deletion of a namespace and its being gone. */
  readonly readyAfterMs: number;
  readonly isBroken: (image: string) => boolean;
  readonly signal: AbortSignal;
}

/**
 * What stands in for the controller manager: workloads become ready after a while, definitions are established and
 * bring their kinds, namespaces are emptied before they go, and objects go with their owner.
 */
export function startControllers(options: ControllersOptions): void {
  const { desk, clock, readyAfterMs, signal } = options;
  const { store } = desk;

  const later = (act: () => void): void => {
    clock.sleep(readyAfterMs, signal).then(act, (error: unknown) => {
      if (!isAppError(error, "cancelled")) throw error;
    });
  };
  const current = (kind: MemoryKind, { metadata }: LiveObject): LiveObject | null => {
    const live = store.read(kind, metadata.namespace ?? "", metadata.name);
    return live?.metadata.uid === metadata.uid ? live : null;
  };

  const bringToReady = ({ kind, object, previous }: Change): void => {
    const isNews = previous === null || previous.metadata.generation !== object.metadata.generation;
    if (!isNews || !readyStatus(object, { time: "", isBroken: options.isBroken })) return;
    later(() => {
      const live = current(kind, object);
      // A newer spec has a wait of its own.
      if (!live || live.metadata.generation !== object.metadata.generation) return;
      const status = readyStatus(live, { time: desk.time(), isBroken: options.isBroken });
      if (kind.kind === "CustomResourceDefinition") for (const defined of definedKinds(live)) store.serve(defined);
      putStatus(desk, kind, live, { status, manager: "kube-controller-manager" });
    });
  };

  const emptyNamespace = ({ kind, object }: Change): void => {
    later(() => {
      for (const { kind: each, object: content } of [...store.everything()]) {
        if (each.isNamespaced && content.metadata.namespace === object.metadata.name) deleteObject(desk, each, content);
      }
      const live = current(kind, object);
      if (live) store.remove(kind, live);
    });
  };

  const unsubscribe = store.subscribe((change) => {
    const { kind, object, previous, type } = change;
    if (type === "deleted") {
      if (kind.kind === "CustomResourceDefinition") for (const defined of definedKinds(object)) store.withdraw(defined);
      collectGarbage(desk, object.metadata.uid);
    } else if (kind.kind === "Namespace") {
      if (object.metadata.deletionTimestamp && !previous?.metadata.deletionTimestamp) emptyNamespace(change);
    } else {
      bringToReady(change);
    }
  });
  signal.addEventListener("abort", unsubscribe, { once: true });
}

/** Objects of which the deleted one was the only owner go as well. */
function collectGarbage(desk: WriteDesk, ownerUid: string): void {
  for (const { kind, object } of [...desk.store.everything()]) {
    const owners = (object.metadata.ownerReferences ?? []) as readonly { uid: string }[];
    if (!owners.some(({ uid }) => uid === ownerUid)) continue;
    const left = owners.filter(({ uid }) => uid !== ownerUid);
    if (left.length === 0) deleteObject(desk, kind, object);
    else desk.store.put(kind, { ...object, metadata: { ...object.metadata, ownerReferences: left } });
  }
}
