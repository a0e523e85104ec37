import { z } from "zod";

/** One Kubernetes object, as an inventory and a report name it. `namespace` is "" for cluster-scoped kinds. */
export const objectRef = z.object({
  apiVersion: z.string().min(1).max(253),
  kind: z.string().min(1).max(63),
  namespace: z.string().max(63).default(""),
  name: z.string().min(1).max(253),
});
export type ObjectRef = z.infer<typeof objectRef>;

/** The API group of `apps/v1` is `apps`, of `v1` the empty string. */
export const groupOf = (apiVersion: string): string => {
  const slash = apiVersion.indexOf("/");
  return slash < 0 ? "" : apiVersion.slice(0, slash);
};

/** Identity across API versions: `apps/Deployment/shop/web`. Two files that give the same key define one object twice. */
export const objectKey = (ref: ObjectRef): string =>
  `${groupOf(ref.apiVersion)}/${ref.kind}/${ref.namespace}/${ref.name}`;

/** For people: `Deployment shop/web`. */
export const formatObject = (ref: ObjectRef): string =>
  ref.namespace === "" ? `${ref.kind} ${ref.name}` : `${ref.kind} ${ref.namespace}/${ref.name}`;
