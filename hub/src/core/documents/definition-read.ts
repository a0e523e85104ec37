import { z } from "zod";
import type { Noun } from "./noun.ts";

/**
 * `definition-reads/<project>/<name>`: of which repository, ref and path a Source's definitions were last read in full.
 * Written by read-definitions only. What is missing is a deletion only in the place where it was found before.
 */
export const definitionRead = z.object({ uid: z.string(), url: z.string(), branch: z.string(), path: z.string() });
export type DefinitionRead = z.infer<typeof definitionRead>;

export const definitionReads: Noun<DefinitionRead> = { collection: "definition-reads", schema: definitionRead };
