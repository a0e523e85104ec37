import type { ObjectRef } from "@muster/shared/model/object-ref.ts";
import type { EditableObject } from "./cluster-subject.ts";

/** What a promise fails with; a success is the failure of the test. */
export async function failure(promise: Promise<unknown>): Promise<Error> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: Error) => ({ error }),
  );
  if ("error" in outcome) return outcome.error;
  throw new Error(`expected a failure, got ${JSON.stringify(outcome.value)}`);
}

/** The object as JSON text, as `ClusterApi.apply` takes it. */
export function manifest(ref: ObjectRef, fields: EditableObject): string {
  const { apiVersion, kind, namespace, name } = ref;
  const metadata = { name, ...(namespace === "" ? {} : { namespace }), ...fields.metadata };
  return JSON.stringify({ apiVersion, kind, ...fields, metadata });
}

export const deployment = (namespace: string): ObjectRef => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  namespace,
  name: "web",
});
export const clusterRole = (name: string): ObjectRef => ({
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRole",
  namespace: "",
  name,
});

export const deploymentSpec = (containers: readonly object[], app = "web") => ({
  spec: {
    replicas: 1,
    selector: { matchLabels: { app } },
    template: { metadata: { labels: { app } }, spec: { containers } },
  },
});

export const widgetDefinition = (group: string) => ({
  ref: {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    namespace: "",
    name: `widgets.${group}`,
  },
  fields: {
    spec: {
      group,
      scope: "Namespaced",
      names: { plural: "widgets", singular: "widget", kind: "Widget", listKind: "WidgetList" },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: "object",
              properties: { spec: { type: "object", properties: { size: { type: "integer" } } } },
            },
          },
        },
      ],
    },
  },
});
