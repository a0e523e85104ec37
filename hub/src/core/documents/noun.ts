import type { z } from "zod";

/**
 * A kind of document: which collection holds it, and its shape. Storage is visible: every document that the hub keeps
 * is declared by one module of this folder, with the functions that make its keys.
 */
export interface Noun<T> {
  readonly collection: string;
  readonly schema: z.ZodType<T>;
  /** A field of many entries, each valid by itself: of a changed document only other entries than before are checked. */
  readonly entries?: keyof T & string;
}
