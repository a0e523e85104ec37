import { appDefinition } from "@muster/shared/model/definitions/app.ts";
import { appSetDefinition } from "@muster/shared/model/definitions/app-set.ts";
import type { ClusterDefinition } from "@muster/shared/model/definitions/cluster.ts";
import { projectDefinition } from "@muster/shared/model/definitions/project.ts";
import { formatRef, sourceDefinition } from "@muster/shared/model/definitions/source.ts";
import type { Definition } from "@muster/shared/model/definitions.ts";
import { type AppName, appUid, formatApp } from "@muster/shared/model/ids.ts";
import { z } from "zod";
import { waitingAudit } from "./audit-entry.ts";
import type { Noun } from "./noun.ts";
import { owner } from "./owner.ts";

/** `definitions/<app|source|appset>/<project>/<name>`, `definitions/project/<name>`: what people wrote, and who owns it. */
const common = {
  /** Only the owner may change or delete it. */
  owner,
  /** Rises by one with each change of the definition. */
  changes: z.int().min(1),
  created: z.int(),
  changed: z.int(),
  /** Deleted; the document goes once its audit entries are drained. */
  deleted: z.boolean().default(false),
  audit: waitingAudit,
};

export const storedApp = z.object({ kind: z.literal("App"), uid: appUid, definition: appDefinition, ...common });
export type StoredApp = z.infer<typeof storedApp>;

export const storedSource = z.object({
  kind: z.literal("Source"),
  uid: z.string(),
  definition: sourceDefinition,
  ...common,
});
export type StoredSource = z.infer<typeof storedSource>;

export const storedAppSet = z.object({
  kind: z.literal("AppSet"),
  uid: z.string(),
  definition: appSetDefinition,
  ...common,
});
export type StoredAppSet = z.infer<typeof storedAppSet>;

export const storedProject = z.object({
  kind: z.literal("Project"),
  uid: z.string(),
  definition: projectDefinition,
  ...common,
});
export type StoredProject = z.infer<typeof storedProject>;

export const storedDefinition = z.discriminatedUnion("kind", [storedApp, storedSource, storedAppSet, storedProject]);
export type StoredDefinition = z.infer<typeof storedDefinition>;

export const definitions: Noun<StoredDefinition> = { collection: "definitions", schema: storedDefinition };

export const appKey = (app: AppName): string => `app/${app.project}/${app.name}`;
export const sourceKey = (source: AppName): string => `source/${source.project}/${source.name}`;
export const appSetKey = (set: AppName): string => `appset/${set.project}/${set.name}`;
export const projectKey = (name: string): string => `project/${name}`;

/** Definitions that are documents of their own; a Cluster's are labels of its record. */
export type OwnedDefinition = Exclude<Definition, ClusterDefinition>;

export function definitionKey(definition: OwnedDefinition): string {
  const { kind, metadata } = definition;
  return kind === "Project" ? projectKey(metadata.name) : `${kind.toLowerCase()}/${formatApp(metadata)}`;
}

/** The Source that an App names: Sources are found in the App's own project. */
export const sourceOf = (app: StoredApp): AppName => ({
  project: app.definition.metadata.project,
  name: app.definition.spec.source.name,
});

export const nameOf = ({
  definition: { metadata },
}: Pick<StoredApp | StoredSource | StoredAppSet, "definition">): AppName => ({
  project: metadata.project,
  name: metadata.name,
});

/** Where a Source is, as far as it is tracked now: its address and branch. */
export function gitOf({ definition: { spec } }: Pick<StoredSource, "definition">): {
  readonly url: string;
  readonly ref: { readonly branch: string };
  readonly credentials?: string | undefined;
} {
  const remote = spec.git ?? spec.oci;
  if (remote === undefined) throw new Error("a source without a remote");
  const branch = spec.git?.ref.branch ?? formatRef(remote.ref);
  return { url: remote.url, ref: { branch }, credentials: remote.credentials };
}

/** How people are told of a definition: `app storefront/shop`, `project storefront`. */
export const formatDefinition = ({ definition }: StoredDefinition): string =>
  `${definition.kind.toLowerCase()} ${definitionName(definition)}`;

/** `storefront/shop`; of a Project or Cluster its name. */
export const definitionName = ({ metadata }: Definition): string =>
  "project" in metadata ? formatApp(metadata) : metadata.name;

/** `App storefront/shop`: at the beginning of a sentence. */
export const titleOf = (definition: Definition): string => `${definition.kind} ${definitionName(definition)}`;
