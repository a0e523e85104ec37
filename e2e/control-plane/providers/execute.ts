import { execFile } from "node:child_process";

/** Runs a program to its end and answers what it printed; replaced in tests of providers that cannot run there. */
export type Execute = (command: string, args: readonly string[], options?: { stdin?: string }) => Promise<string>;

/** @throws with the command and what it printed to standard error. */
export const execute: Execute = (command, args, { stdin } = {}) =>
  new Promise((resolve, reject) => {
    const child = execFile(command, args, { maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      if (!error) resolve(stdout);
      else reject(new Error(`${command} ${args.join(" ")}: ${stderr.trim() || error.message}`, { cause: error }));
    });
    child.stdin?.on("error", () => {});
    child.stdin?.end(stdin ?? "");
  });
