import { isAppError } from "@muster/shared/errors.ts";
import type { ObjectRef } from "@muster/shared/model/object-ref.ts";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ClusterApiSubject, EditableObject } from "../testing/cluster-subject.ts";
import { clusterRole, deployment, deploymentSpec, failure, manifest, widgetDefinition } from "../testing/manifests.ts";
import { type ClusterApi, isImmutableFieldError } from "./cluster-api.ts";
import { clusterWatchContract } from "./cluster-watch.contract.ts";

export type { ClusterApiSubject, EditableObject } from "../testing/cluster-subject.ts";

/** What every `ClusterApi` promises: the real API server and the one in memory are held to the same. */
export function clusterApiContract(makeSubject: () => Promise<ClusterApiSubject>): void {
  let subject: ClusterApiSubject;
  let api: ClusterApi;
  const configMap = (name: string): ObjectRef => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    namespace: subject.namespace,
    name,
  });
  const apply = (ref: ObjectRef, fields: object, opts: { as?: string; force?: boolean; dryRun?: boolean } = {}) =>
    (opts.as ? subject.as(opts.as) : api).apply(ref, manifest(ref, fields), {
      force: opts.force ?? true,
      dryRun: opts.dryRun ?? false,
    });

  beforeEach(async () => {
    subject = await makeSubject();
    api = subject.api;
  });
  afterEach(() => subject.close());

  describe("server-side apply", () => {
    test("creates, then updates, and removes a field that is no longer said", async () => {
      const ref = configMap("settings");
      const created = await apply(ref, { data: { a: "1", b: "2" } });
      expect(created).toMatchObject({ apiVersion: "v1", kind: "ConfigMap", data: { a: "1", b: "2" } });
      expect(created.metadata).toMatchObject({ name: "settings", namespace: subject.namespace });
      expect(created.metadata.uid).not.toBe("");

      const updated = await apply(ref, { data: { a: "3" } });
      expect(updated.data).toEqual({ a: "3" });
      expect(updated.metadata.uid).toBe(created.metadata.uid);
      expect(updated.metadata.resourceVersion).not.toBe(created.metadata.resourceVersion);
      expect(await api.get(ref)).toEqual(updated);
    });

    test("keeps the fields of other managers", async () => {
      const ref = configMap("shared");
      await apply(ref, { data: { ours: "1" } });
      await apply(ref, { metadata: { labels: { team: "web" } }, data: { theirs: "1" } }, { as: "other" });
      await subject.edit("editor", ref, (object) => {
        object.data.edited = "1";
      });
      const applied = await apply(ref, { data: {} });
      expect(applied.data).toEqual({ theirs: "1", edited: "1" });
      expect(applied.metadata.labels).toEqual({ team: "web" });
    });

    test("names its manager in the managed fields", async () => {
      const applied = await apply(configMap("owned"), { data: { a: "1" } });
      const ours = applied.metadata.managedFields?.filter(({ manager }) => manager === "muster");
      expect(ours).toMatchObject([{ operation: "Apply", apiVersion: "v1", fieldsV1: { "f:data": { "f:a": {} } } }]);
    });

    test("refuses to take another manager's field without force, and names manager and field", async () => {
      const ref = configMap("contested");
      await apply(ref, { data: { a: "1" } }, { as: "other" });
      const error = await failure(apply(ref, { data: { a: "2", b: "2" } }, { force: false }));
      expect(isAppError(error, "conflict")).toBe(true);
      expect(error.message).toContain('"other"');
      expect(error.message).toContain("data.a");
      expect((await api.get(ref))?.data).toEqual({ a: "1" });
    });

    test("the same value is no conflict, and both own it then", async () => {
      const ref = configMap("agreed");
      await apply(ref, { data: { a: "1" } }, { as: "other" });
      await apply(ref, { data: { a: "1" } }, { force: false });
      await apply(ref, {}, { as: "other" });
      expect((await api.get(ref))?.data).toEqual({ a: "1" });
      expect((await apply(ref, {})).data ?? {}).toEqual({});
    });

    test("force takes the field over", async () => {
      const ref = configMap("taken");
      await apply(ref, { data: { a: "1", b: "1" } }, { as: "other" });
      expect((await apply(ref, { data: { a: "2" } }, { force: true })).data).toEqual({ a: "2", b: "1" });
      const error = await failure(apply(ref, { data: { a: "1", b: "1" } }, { as: "other", force: false }));
      expect(error.message).toContain('"muster"');
    });

    test("takes back what a person changed by hand", async () => {
      const ref = configMap("drifted");
      await apply(ref, { data: { a: "1" } });
      await subject.edit("editor", ref, (object) => {
        object.data.a = "by hand";
      });
      const error = await failure(apply(ref, { data: { a: "1" } }, { force: false }));
      expect(error.message).toContain('"editor"');
      expect((await apply(ref, { data: { a: "1" } })).data).toEqual({ a: "1" });
    });

    test("a dry run answers what would be and writes nothing", async () => {
      const ref = configMap("dry");
      expect((await apply(ref, { data: { a: "1" } }, { dryRun: true })).data).toEqual({ a: "1" });
      expect(await api.get(ref)).toBeNull();
      const created = await apply(ref, { data: { a: "1" } });
      expect((await apply(ref, { data: { a: "2" } }, { dryRun: true })).data).toEqual({ a: "2" });
      expect(await api.get(ref)).toEqual(created);
    });

    test("an unchanged apply is no new version", async () => {
      const ref = configMap("same");
      const first = await apply(ref, { data: { a: "1" } });
      const second = await apply(ref, { data: { a: "1" } });
      expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    });

    test("merges lists that have keys item by item, and replaces lists that have none", async () => {
      const ref = deployment(subject.namespace);
      await apply(
        ref,
        deploymentSpec([{ name: "web", image: "web:1", args: ["a", "b"], env: [{ name: "A", value: "1" }] }]),
      );
      await subject.edit("injector", ref, (object) => {
        object.spec.template.spec.containers.push({ name: "sidecar", image: "sidecar:1" });
        object.spec.template.spec.containers[0].env.push({ name: "INJECTED", value: "1" });
      });
      const applied = await apply(ref, deploymentSpec([{ name: "web", image: "web:2", args: ["c"] }]));
      const containers = (applied as EditableObject).spec.template.spec.containers;
      expect(containers).toMatchObject([
        { name: "web", image: "web:2", args: ["c"], env: [{ name: "INJECTED", value: "1" }] },
        { name: "sidecar", image: "sidecar:1" },
      ]);
    });

    test("names an item of a keyed list by its key in a conflict", async () => {
      const ref = deployment(subject.namespace);
      await apply(ref, deploymentSpec([{ name: "web", image: "web:1" }]), { as: "other" });
      const error = await failure(apply(ref, deploymentSpec([{ name: "web", image: "web:2" }]), { force: false }));
      expect(error.message).toContain('field spec.template.spec.containers[name="web"].image is managed by "other"');
    });

    test("the generation rises with the spec, not with labels or status", async () => {
      const ref = deployment(subject.namespace);
      const spec = deploymentSpec([{ name: "web", image: "web:1" }]);
      expect((await apply(ref, spec)).metadata.generation).toBe(1);
      expect((await apply(ref, { ...spec, metadata: { labels: { a: "b" } } })).metadata.generation).toBe(1);
      const changed = await apply(ref, deploymentSpec([{ name: "web", image: "web:2" }]));
      expect(changed.metadata.generation).toBe(2);
    });
  });

  describe("scope and kinds", () => {
    test("resolves namespaced and cluster-scoped kinds", async () => {
      expect(await api.resolve("apps/v1", "Deployment")).toEqual({
        apiVersion: "apps/v1",
        kind: "Deployment",
        plural: "deployments",
        isNamespaced: true,
      });
      expect(await api.resolve("v1", "Namespace")).toMatchObject({ plural: "namespaces", isNamespaced: false });
    });

    test("applies cluster-scoped objects", async () => {
      const ref = clusterRole(`${subject.namespace}-role`);
      const applied = await apply(ref, { rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get"] }] });
      expect(applied.metadata.namespace).toBeUndefined();
      await api.delete(ref, { uid: applied.metadata.uid });
      await vi.waitFor(async () => expect(await api.get(ref)).toBeNull());
    });

    test("says which namespace is missing", async () => {
      const error = await failure(apply({ ...configMap("lost"), namespace: "no-such-namespace" }, {}));
      expect(isAppError(error, "not-found")).toBe(true);
      expect(error.message).toContain("no-such-namespace");
    });

    test("a namespaced object without a namespace is invalid", async () => {
      const error = await failure(apply({ ...configMap("nowhere"), namespace: "" }, {}));
      expect(isAppError(error, "invalid")).toBe(true);
    });

    test("an unknown kind is unsupported, and found once its definition is established", async () => {
      const group = `${subject.namespace}.example.com`;
      const widget = { apiVersion: `${group}/v1`, kind: "Widget", namespace: subject.namespace, name: "one" };
      const error = await failure(apply(widget, { spec: { size: 1 } }));
      expect(isAppError(error, "unsupported")).toBe(true);
      expect(error.message).toContain("Widget");

      const definition = widgetDefinition(group);
      const created = await apply(definition.ref, definition.fields);
      await vi.waitFor(() => api.resolve(widget.apiVersion, "Widget"), { timeout: 15_000, interval: 100 });
      // The kind is announced a moment before it is served.
      const applied = await vi.waitFor(() => apply(widget, { spec: { size: 1 } }), { timeout: 15_000, interval: 100 });
      expect(applied.spec).toEqual({ size: 1 });

      await api.delete(definition.ref, { uid: created.metadata.uid });
      const gone = await vi.waitFor(
        async () => {
          const problem = await failure(api.get(widget));
          expect(isAppError(problem, "unsupported")).toBe(true);
          return problem;
        },
        { timeout: 30_000, interval: 200 },
      );
      expect(gone.message).toContain("Widget");
      // Objects go with their kind.
      await api.delete(widget, { uid: applied.metadata.uid });
    }, 90_000);
  });

  describe("get and delete", () => {
    test("get of a missing object is null", async () => {
      expect(await api.get(configMap("missing"))).toBeNull();
      expect(await api.get({ ...configMap("missing"), namespace: "no-such-namespace" })).toBeNull();
    });

    test("deletes the object with the uid, and a missing one is success", async () => {
      const ref = configMap("doomed");
      const { metadata } = await apply(ref, {});
      await api.delete(ref, { uid: metadata.uid });
      expect(await api.get(ref)).toBeNull();
      await api.delete(ref, { uid: metadata.uid });
      await api.delete(ref, {});
    });

    test("an object with another uid stays untouched", async () => {
      const ref = configMap("successor");
      const { metadata } = await apply(ref, {});
      await api.delete(ref, { uid: "00000000-0000-4000-8000-000000000000" });
      expect((await api.get(ref))?.metadata.uid).toBe(metadata.uid);
    });

    test("lists by namespace and label", async () => {
      await apply(configMap("red"), { metadata: { labels: { colour: "red" } } });
      await apply(configMap("blue"), { metadata: { labels: { colour: "blue" } } });
      await apply(configMap("plain"), {});
      const kind = await api.resolve("v1", "ConfigMap");
      const names = async (labelSelector: string) =>
        (await api.list(kind, { labelSelector, namespace: subject.namespace }))
          .map(({ metadata }) => metadata.name)
          .sort();
      expect(await names("colour")).toEqual(["blue", "red"]);
      expect(await names("colour=red")).toEqual(["red"]);
      const [red] = await api.list(kind, { labelSelector: "colour=red", namespace: subject.namespace });
      expect(red).toMatchObject({ apiVersion: "v1", kind: "ConfigMap" });
      expect((await api.list(kind, { namespace: subject.namespace })).length).toBeGreaterThanOrEqual(3);
    });
  });

  describe("create and replace", () => {
    test("create answers the stored object, and refuses one that exists", async () => {
      const object = JSON.parse(manifest(configMap("small"), { data: { a: "1" } }));
      expect((await api.create(object)).metadata.uid).not.toBe("");
      expect(isAppError(await failure(api.create(object)), "conflict")).toBe(true);
    });

    test("replace succeeds for the version that was read, and conflicts for an older one", async () => {
      const first = await api.create(JSON.parse(manifest(configMap("versioned"), { data: { a: "1" } })));
      const second = await api.replace({ ...first, data: { b: "2" } });
      expect(second.data).toEqual({ b: "2" });
      expect(isAppError(await failure(api.replace({ ...first, data: { c: "3" } })), "conflict")).toBe(true);
      expect((await api.get(configMap("versioned")))?.data).toEqual({ b: "2" });
    });

    test("replace of a missing object is not-found", async () => {
      const first = await api.create(JSON.parse(manifest(configMap("vanished"), {})));
      await api.delete(configMap("vanished"), {});
      expect(isAppError(await failure(api.replace(first)), "not-found")).toBe(true);
    });
  });

  describe("refusals", () => {
    test("an invalid object carries what the API server said", async () => {
      const error = await failure(apply(configMap("Not_A_Name"), {}));
      expect(isAppError(error, "invalid")).toBe(true);
      expect(error.message).toContain("Not_A_Name");
      expect(error.message).toContain("RFC 1123");
    });

    test("a value of the wrong type is invalid, and names the field", async () => {
      const error = await failure(apply(configMap("typed"), { data: { a: 1 } }));
      expect(isAppError(error, "invalid")).toBe(true);
      expect(error.message).toContain("data.a");
    });

    test("an immutable field says so, and what to do", async () => {
      const ref = deployment(subject.namespace);
      await apply(ref, deploymentSpec([{ name: "web", image: "web:1" }]));
      const error = await failure(apply(ref, deploymentSpec([{ name: "web", image: "web:1" }], "renamed")));
      expect(isAppError(error, "invalid")).toBe(true);
      expect(isImmutableFieldError(error)).toBe(true);
      expect(error.message).toContain("field spec.selector is immutable");
      expect((error as { fix?: string }).fix).toContain("delete the object in the cluster");
    });

    test("a missing right names verb and resource", async () => {
      const restricted = await subject.restricted();
      try {
        await restricted.get(configMap("missing"));
        const error = await failure(
          restricted.apply(configMap("denied"), manifest(configMap("denied"), {}), { force: true }),
        );
        expect(isAppError(error, "forbidden")).toBe(true);
        expect(error.message).toContain("patch");
        expect(error.message).toContain("configmaps");
        const kind = await restricted.resolve("v1", "Secret");
        const signal = AbortSignal.timeout(15_000);
        const watched = await failure(
          restricted.watch(kind, { labelSelector: "a", signal })[Symbol.asyncIterator]().next(),
        );
        expect(isAppError(watched, "forbidden")).toBe(true);
        expect(watched.message).toContain("secrets");
      } finally {
        await restricted.close();
      }
    });

    test("no contact is unavailable, and retryable", async () => {
      await subject.interrupted(
        async () => {
          const error = await failure(api.get(configMap("unreachable")));
          expect(error).toMatchObject({ code: "unavailable", isRetryable: true });
        },
        { forgetsHistory: false },
      );
      await vi.waitFor(async () => expect(await api.get(configMap("unreachable"))).toBeNull());
    });

    test("an aborted apply is cancelled", async () => {
      const ref = configMap("aborted");
      const error = await failure(api.apply(ref, manifest(ref, {}), { force: true, signal: AbortSignal.abort() }));
      expect(isAppError(error, "cancelled")).toBe(true);
      expect(await api.get(ref)).toBeNull();
    });

    test("429 is waited out as the API server asks", async (context) => {
      if (!subject.throttle) return context.skip("there is no HTTP here");
      await api.resolve("v1", "ConfigMap");
      subject.throttle(2, 1);
      const before = performance.now();
      await apply(configMap("throttled"), {});
      expect(performance.now() - before).toBeGreaterThanOrEqual(1_900);
    });
  });

  clusterWatchContract(() => subject);

  describe("identity", () => {
    test("says its version and the cluster's uid", async () => {
      expect(await api.version()).toMatch(/^\d+\.\d+$/);
      const kubeSystem = await api.get({ apiVersion: "v1", kind: "Namespace", namespace: "", name: "kube-system" });
      expect(await api.clusterUid()).toBe(kubeSystem?.metadata.uid);
    });
  });
}
