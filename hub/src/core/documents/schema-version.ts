import { z } from "zod";
import type { Noun } from "./noun.ts";

/**
 * Version of the documents in this folder, as a whole. Rises when a hub of the version before could misread what this
 * one writes; each step then has a migration (flows/open-documents.ts) and a fixture of the form before it.
 */
export const DOCUMENTS_VERSION = 2;

/** `meta/documents`. */
export const schemaVersion = z.object({ version: z.int().min(1), writtenBy: z.string() });
export type SchemaVersion = z.infer<typeof schemaVersion>;

export const schemaVersions: Noun<SchemaVersion> = { collection: "meta", schema: schemaVersion };
export const SCHEMA_KEY = "documents";
