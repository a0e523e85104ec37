import { createInterface } from "node:readline";
import { createLogUpdate } from "log-update";
import { EXIT, Failure } from "./failure.ts";
import { createPaint } from "./output/paint.ts";
import type { Terminal } from "./output/terminal.ts";

/** The process's own terminal. Ctrl-C aborts `interrupted`; a second one ends the process at once. */
export function systemTerminal(): Terminal {
  const { stdin, stdout, stderr } = process;
  // A reader that has seen enough (`| head`) is no failure. Nobody reading the warnings ends nothing: what was asked for
  // is still to be done, and the exit code tells of it.
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(EXIT.ok);
    throw error;
  });
  stderr.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (interrupt.signal.aborted) process.exit(EXIT.interrupted);
      interrupt.abort();
    });
  }
  const canRedraw = stdout.isTTY === true && process.env.TERM !== "dumb";
  const update = createLogUpdate(stdout);
  let last = "";
  return {
    write: (text) => void stdout.write(text),
    warn: (text) => void stderr.write(text),
    get width() {
      return stdout.isTTY ? (stdout.columns ?? 80) : null;
    },
    isInteractive: stdin.isTTY === true && stderr.isTTY === true,
    paint: createPaint(hasColour(stdout)),
    paintWarning: createPaint(hasColour(stderr)),
    now: () => Date.now(),
    confirm: (question) =>
      new Promise((resolve) => {
        const lines = createInterface({ input: stdin, output: stderr });
        // Ctrl-C comes to whoever reads the keys, not to the process; Ctrl-D and the end of the input close it.
        lines.once("SIGINT", () => interrupt.abort());
        interrupt.signal.addEventListener("abort", () => lines.close(), { once: true });
        lines.once("close", () => resolve(false));
        lines.question(`${question} [y/N] `, (answer) => {
          resolve(/^y(es)?$/i.test(answer.trim()));
          lines.close();
        });
      }),
    async readInput(bytesMax) {
      const chunks: Buffer[] = [];
      let bytes = 0;
      for await (const chunk of stdin) {
        bytes += (chunk as Buffer).length;
        if (bytes > bytesMax) throw new Failure(EXIT.failed, `Standard input is larger than ${bytesMax >> 20} MiB.`);
        chunks.push(chunk as Buffer);
      }
      return Buffer.concat(chunks).toString("utf8");
    },
    redraw(text) {
      if (canRedraw) update(text.trimEnd());
      else if (text !== last) stdout.write(`${text.trimEnd()}\n\n`);
      last = text;
    },
    drawn: () => canRedraw && update.done(),
    interrupted: interrupt.signal,
  };
}

/** https://no-color.org and FORCE_COLOR; otherwise colour is for terminals only. */
function hasColour(stream: NodeJS.WriteStream): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR) return false;
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== "0";
  return stream.isTTY === true && TERM !== "dumb";
}
