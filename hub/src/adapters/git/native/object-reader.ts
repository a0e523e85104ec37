import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { AppError } from "@muster/shared/errors.ts";

export interface GitObject {
  readonly oid: string;
  readonly type: string;
  readonly bytes: number;
  /** Null when only the header was asked for. */
  readonly content: Buffer | null;
}

/** One `git cat-file --batch-command` process: answers come in the order of the questions. */
export interface ObjectReader {
  /** Null when there is no such object. @throws AppError "unavailable" when the process ends first. */
  info(expression: string): Promise<GitObject | null>;
  contents(expression: string): Promise<GitObject | null>;
  readonly isClosed: boolean;
  close(): Promise<void>;
}

type Waiting = {
  readonly wantsContent: boolean;
  readonly resolve: (object: GitObject | null) => void;
  readonly reject: (error: AppError) => void;
};

export function openObjectReader(gitDirectory: string, environment: NodeJS.ProcessEnv): ObjectReader {
  const child: ChildProcessWithoutNullStreams = spawn(
    "git",
    ["--git-dir", gitDirectory, "cat-file", "--batch-command", "--buffer"],
    { env: environment, stdio: ["pipe", "pipe", "pipe"] },
  );
  const waiting: Waiting[] = [];
  let isClosed = false;
  /** Asked in this turn: written at once, since a thousand small writes hold up the thread. */
  let asked = "";
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));

  function end(): void {
    isClosed = true;
    for (const waiter of waiting.splice(0)) waiter.reject(new AppError("unavailable", "git cat-file ended"));
  }
  child.once("error", end);
  child.once("close", end);
  child.stdin.on("error", end);
  // Says which object is missing or broken; the answer on stdout says it as well.
  child.stderr.resume();

  const parser = createParser(
    (object) => waiting.shift()?.resolve(object),
    () => waiting[0]?.wantsContent ?? false,
  );
  child.stdout.on("data", (chunk: Buffer) => parser(chunk));

  function ask(command: "info" | "contents", expression: string): Promise<GitObject | null> {
    if (isClosed) return Promise.reject(new AppError("unavailable", "git cat-file ended"));
    if (expression.includes("\n")) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      waiting.push({ wantsContent: command === "contents", resolve, reject });
      const isFirst = asked === "";
      asked += `${command} ${expression}\n`;
      if (!isFirst) return;
      // With --buffer git answers on "flush" only: one for everything.
      queueMicrotask(() => {
        child.stdin.write(`${asked}flush\n`);
        asked = "";
      });
    });
  }

  return {
    info: (expression) => ask("info", expression),
    contents: (expression) => ask("contents", expression),
    get isClosed() {
      return isClosed;
    },
    async close() {
      isClosed = true;
      child.stdin.end();
      child.kill("SIGTERM");
      await exited;
    },
  };
}

/** Cuts the answers apart: `<oid> SP <type> SP <size> LF`, then for contents the bytes and LF; or `<name> missing LF`. */
function createParser(emit: (object: GitObject | null) => void, wantsContent: () => boolean): (chunk: Buffer) => void {
  let header: GitObject | null = null;
  let parts: Buffer[] = [];
  let held = 0;

  const whole = (): Buffer => {
    if (parts.length !== 1) parts = [Buffer.concat(parts)];
    return parts[0] as Buffer;
  };
  const take = (bytes: number): Buffer => {
    const all = whole();
    parts = [all.subarray(bytes)];
    held -= bytes;
    return all.subarray(0, bytes);
  };

  return (chunk) => {
    parts.push(chunk);
    held += chunk.length;
    while (held > 0) {
      if (header !== null) {
        if (held < header.bytes + 1) return;
        const content = Buffer.from(take(header.bytes));
        take(1);
        const object = { ...header, content };
        header = null;
        emit(object);
        continue;
      }
      const lineEnd = whole().indexOf(0x0a);
      if (lineEnd < 0) return;
      const line = take(lineEnd + 1).toString("utf8", 0, lineEnd);
      const match = /^([0-9a-f]{40,64}) (\w+) (\d+)$/.exec(line);
      if (match === null) {
        emit(null);
        continue;
      }
      const object = { oid: match[1] as string, type: match[2] as string, bytes: Number(match[3]), content: null };
      if (wantsContent()) header = object;
      else emit(object);
    }
  };
}
