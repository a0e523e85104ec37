import type { ObjectRef } from "@muster/shared/model/object-ref.ts";
import { beforeEach, describe, expect, test, vi } from "vitest";
import type { ClusterApiSubject, EditableObject } from "../testing/cluster-subject.ts";
import { manifest } from "../testing/manifests.ts";
import type { ClusterApi, LiveObject, WatchEvent } from "./cluster-api.ts";

/** What `ClusterApi.watch` promises: a part of `clusterApiContract`, whose subject it gets. */
export function clusterWatchContract(subjectOf: () => ClusterApiSubject): void {
  let subject: ClusterApiSubject;
  let api: ClusterApi;
  const configMap = (name: string): ObjectRef => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    namespace: subject.namespace,
    name,
  });
  const apply = (ref: ObjectRef, fields: EditableObject) => api.apply(ref, manifest(ref, fields), { force: true });
  beforeEach(() => {
    subject = subjectOf();
    api = subject.api;
  });

  describe("watch", () => {
    test("lists, then tells of changes and deletions of what the selector takes in", async () => {
      await apply(configMap("before"), { metadata: { labels: { app: "shop" } }, data: { n: "0" } });
      await apply(configMap("unlabelled"), {});
      const watch = await watching("app=shop");
      expect(watch.events[0]).toMatchObject({
        kind: "listed",
        objects: [{ kind: "ConfigMap", metadata: { name: "before" } }],
      });

      await apply(configMap("after"), { metadata: { labels: { app: "shop" } }, data: { n: "1" } });
      await apply(configMap("another"), { metadata: { labels: { app: "other" } } });
      await apply(configMap("before"), { metadata: { labels: { app: "shop" } }, data: { n: "2" } });
      await api.delete(configMap("after"), {});
      await vi.waitFor(() => expect(watch.names()).toEqual(["before"]));
      expect(
        watch.events.slice(1).map((event) => [event.kind, event.kind === "listed" || event.object.metadata.name]),
      ).toEqual([
        ["changed", "after"],
        ["changed", "before"],
        ["deleted", "after"],
      ]);
      expect(watch.state.get("before")).toMatchObject({ apiVersion: "v1", kind: "ConfigMap", data: { n: "2" } });
      await watch.stop();
    });

    test("an object that loses the label is told as deleted", async () => {
      await apply(configMap("leaving"), { metadata: { labels: { app: "shop" } } });
      const watch = await watching("app=shop");
      await apply(configMap("leaving"), {});
      await vi.waitFor(() => expect(watch.events.at(-1)?.kind).toBe("deleted"));
      expect(watch.names()).toEqual([]);
      await watch.stop();
    });

    test("resumes after a cut and misses nothing", async () => {
      await apply(configMap("steady"), { metadata: { labels: { app: "shop" } } });
      await apply(configMap("dropped"), { metadata: { labels: { app: "shop" } } });
      const watch = await watching("app");
      await subject.interrupted(
        async () => {
          const others = subject.as("other");
          const missed = configMap("missed");
          await others.apply(missed, manifest(missed, { metadata: { labels: { app: "shop" } } }), { force: true });
          await others.delete(configMap("dropped"), {});
        },
        { forgetsHistory: false },
      );
      await vi.waitFor(() => expect(watch.names()).toEqual(["missed", "steady"]), { timeout: 15_000 });
      expect(watch.events.filter(({ kind }) => kind === "listed")).toHaveLength(1);
      await watch.stop();
    }, 30_000);

    test("lists again when the API server has forgotten where it was", async () => {
      await apply(configMap("steady"), { metadata: { labels: { app: "shop" } } });
      await apply(configMap("dropped"), { metadata: { labels: { app: "shop" } } });
      const watch = await watching("app");
      await subject.interrupted(
        async () => {
          await subject.as("other").delete(configMap("dropped"), {});
        },
        { forgetsHistory: true },
      );
      await vi.waitFor(() => expect(watch.names()).toEqual(["steady"]), { timeout: 15_000 });
      expect(watch.events.filter(({ kind }) => kind === "listed")).toHaveLength(2);
      await apply(configMap("later"), { metadata: { labels: { app: "shop" } } });
      await vi.waitFor(() => expect(watch.names()).toEqual(["later", "steady"]));
      await watch.stop();
    }, 30_000);

    test("ends when its signal aborts, also while nothing happens", async () => {
      const watch = await watching("app");
      await watch.stop();
      const ended = new AbortController();
      ended.abort();
      const kind = await api.resolve("v1", "ConfigMap");
      for await (const event of api.watch(kind, { labelSelector: "app", signal: ended.signal })) {
        expect.fail(`an aborted watch told ${event.kind}`);
      }
    });
  });

  /** A watch of the namespace's ConfigMaps, folded into a state; answers after the first list. */
  async function watching(labelSelector: string) {
    const stopping = new AbortController();
    const events: WatchEvent[] = [];
    const state = new Map<string, LiveObject>();
    const isOurs = ({ metadata }: LiveObject) => metadata.namespace === subject.namespace;
    const kind = await api.resolve("v1", "ConfigMap");
    const ended = (async () => {
      for await (const event of api.watch(kind, { labelSelector, signal: stopping.signal })) {
        if (event.kind === "listed") {
          const objects = event.objects.filter(isOurs);
          events.push({ kind: "listed", objects });
          state.clear();
          for (const object of objects) state.set(object.metadata.name, object);
        } else if (isOurs(event.object)) {
          events.push(event);
          if (event.kind === "changed") state.set(event.object.metadata.name, event.object);
          else state.delete(event.object.metadata.name);
        }
      }
    })();
    await vi.waitFor(() => expect(events.length).toBeGreaterThan(0), { timeout: 10_000 });
    return {
      events,
      state,
      names: () => [...state.keys()].sort(),
      async stop() {
        stopping.abort();
        await ended;
      },
    };
  }
}
