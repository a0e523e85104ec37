import { createHash } from "node:crypto";
import { type RenderSpec, resolveVariants } from "../../core/variants.ts";

/** `resolveVariants`, with variants named by the SHA-256 of their inputs. */
export const variantsOf = (spec: RenderSpec, references: readonly string[]): ReturnType<typeof resolveVariants> =>
  resolveVariants(spec, references, (text) => createHash("sha256").update(text).digest("hex"));
