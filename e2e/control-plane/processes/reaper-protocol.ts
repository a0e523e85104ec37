/**
 * One JSON line each, from the process that owns test processes to its reaper. The reaper keeps them as a stack and
 * unwinds it from the top when the pipe closes, which happens whichever way the owner ends.
 */
export type ReaperLine =
  | { readonly add: string; readonly undo: Undo }
  /** The owner has undone it itself. */
  | { readonly drop: string };

export type Undo =
  | { readonly kind: "stop-process"; readonly pid: number }
  | { readonly kind: "remove-folder"; readonly path: string }
  | { readonly kind: "run"; readonly command: string; readonly args: readonly string[] };

/**
 * Environment variable that every process under a reaper carries. A process started a moment before its owner was
 * killed may not have reached the reaper's list; on Linux this mark finds it all the same.
 */
export const reaperMark = "MUSTER_TEST_REAPER";
