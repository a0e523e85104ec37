import { formatDuration } from "@muster/shared/duration.ts";
import { formatMebibytes } from "@muster/shared/manifest/parse.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import type { RenderLimits } from "../../ports/renderer.ts";

/** A render that was ended. `what` begins the sentence: `rendering this chart`. */
export function overLimit(
  limit: "output" | "memory" | "time",
  limits: RenderLimits,
  { what, hint, path }: { what: string; hint: string; path: string },
): Problem {
  const where = { path };
  switch (limit) {
    case "time":
      return {
        code: "RenderTimeout",
        message: `${what} was not done after ${formatDuration(limits.timeoutMsMax)} of computing, and was ended.`,
        where,
        fix: `Look for ${hint} that goes on without end.`,
      };
    case "memory":
      return {
        code: "RenderMemory",
        message: `${what} needs more than the ${formatMebibytes(limits.memoryBytesMax)} of memory that a render may use, and was ended.`,
        where,
        fix: `Look for ${hint} that grows without end, or split the App.`,
      };
    case "output":
      return {
        code: "OutputTooLarge",
        message: `${what} writes more than the ${formatMebibytes(limits.outputBytesMax)} that a render may write, and was ended.`,
        where,
        fix: `Look for ${hint} that repeats itself, or split the App.`,
      };
  }
}
