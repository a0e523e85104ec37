import { z } from "zod";
import { name } from "../ids.ts";
import { appSpec } from "./app.ts";
import { API_VERSION, exactlyOne, glob, json, projectMetadata } from "./common.ts";

/** Where the Apps of an AppSet come from: one for each match. */
export const generator = z
  .strictObject({
    directories: z
      .strictObject({ source: name, path: glob, exclude: z.array(glob).max(64).default([]) })
      .optional()
      .describe("each matching directory: ${directory.path}, ${directory.name}"),
    files: z
      .strictObject({ source: name, path: glob, exclude: z.array(glob).max(64).default([]) })
      .optional()
      .describe("each matching YAML or JSON file: its fields as ${file.x}, and ${file.path}, ${file.name}"),
    clusterLabel: z
      .strictObject({ key: z.string().min(1).max(317) })
      .optional()
      .describe("each value that clusters have for a label: ${label.value}"),
  })
  .refine(exactlyOne, { error: "say exactly one of directories, files and clusterLabel" });
export type Generator = z.infer<typeof generator>;

/**
 * The template is an App without apiVersion and kind, whose texts may hold `${…}` of the generator. Its fields are
 * checked as an App's once they are filled in; here only their names are.
 */
export const appSetDefinition = z.strictObject({
  apiVersion: z.literal(API_VERSION),
  kind: z.literal("AppSet"),
  metadata: projectMetadata,
  spec: z.strictObject({
    generator,
    template: z.strictObject({
      metadata: z.strictObject({
        name: z.string().min(1).max(253),
        labels: z.record(z.string(), z.string()).optional(),
      }),
      spec: z
        .record(z.string(), json)
        .refine((spec) => Object.keys(spec).every((field) => Object.hasOwn(appSpec.shape, field)), {
          error: `an App's spec has the fields ${Object.keys(appSpec.shape).join(", ")}`,
        }),
    }),
  }),
});
export type AppSetDefinition = z.infer<typeof appSetDefinition>;
