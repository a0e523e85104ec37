import { appDefinition, sourceDefinition } from "@muster/shared/model/definitions.ts";
import { type AppName, appUid } from "@muster/shared/model/ids.ts";
import { z } from "zod";
import { waitingAudit } from "./audit-entry.ts";
import type { Noun } from "./noun.ts";

/** `definitions/app/<project>/<name>` and `definitions/source/<project>/<name>`: what people wrote, and who owns it. */
const common = {
  /** Only the owner may change it: the API now, a Source that holds definitions later. */
  owner: z.literal("api"),
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

export const storedDefinition = z.discriminatedUnion("kind", [storedApp, storedSource]);
export type StoredDefinition = z.infer<typeof storedDefinition>;

export const definitions: Noun<StoredDefinition> = { collection: "definitions", schema: storedDefinition };

export const appKey = (app: AppName): string => `app/${app.project}/${app.name}`;
export const sourceKey = (source: AppName): string => `source/${source.project}/${source.name}`;

/** The Source that an App names: Sources are found in the App's own project. */
export const sourceOf = (app: StoredApp): AppName => ({
  project: app.definition.metadata.project,
  name: app.definition.spec.source.name,
});

export const nameOf = (definition: StoredDefinition): AppName => ({
  project: definition.definition.metadata.project,
  name: definition.definition.metadata.name,
});
