import { z } from "zod";
import { appDefinition } from "./definitions/app.ts";
import { appSetDefinition } from "./definitions/app-set.ts";
import { clusterDefinition } from "./definitions/cluster.ts";
import { projectDefinition } from "./definitions/project.ts";
import { sourceDefinition } from "./definitions/source.ts";

export const definition = z.discriminatedUnion("kind", [
  sourceDefinition,
  appDefinition,
  appSetDefinition,
  projectDefinition,
  clusterDefinition,
]);
export type Definition = z.infer<typeof definition>;

export const DEFINITION_KINDS = ["Source", "App", "AppSet", "Project", "Cluster"] as const;
