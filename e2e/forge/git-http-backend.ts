import { spawn } from "node:child_process";
import type { IncomingMessage, ServerResponse } from "node:http";
import { isolatedGitEnvironment } from "./git-command.ts";

/** Serves one request through git's own CGI program, which speaks the whole smart HTTP protocol. */
export function serveGit(
  request: IncomingMessage,
  response: ServerResponse,
  options: { repositories: string; user: string | undefined; environment: Readonly<Record<string, string>> },
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://localhost");
  const backend = spawn("git", ["http-backend"], {
    stdio: ["pipe", "pipe", "ignore"],
    env: {
      ...isolatedGitEnvironment(options.repositories),
      ...options.environment,
      ...definedOnly({
        GIT_PROJECT_ROOT: options.repositories,
        GIT_HTTP_EXPORT_ALL: "1",
        REQUEST_METHOD: request.method,
        PATH_INFO: decodeURIComponent(url.pathname),
        QUERY_STRING: url.search.slice(1),
        CONTENT_TYPE: request.headers["content-type"],
        CONTENT_LENGTH: request.headers["content-length"],
        HTTP_CONTENT_ENCODING: request.headers["content-encoding"],
        GIT_PROTOCOL: request.headers["git-protocol"] as string | undefined,
        REMOTE_ADDR: request.socket.remoteAddress,
        REMOTE_USER: options.user,
      }),
    },
  });
  request.pipe(backend.stdin);
  // It stops reading as soon as it has seen enough.
  backend.stdin.on("error", () => request.resume());
  response.on("close", () => backend.kill());

  return new Promise((resolve) => {
    let head: Buffer | undefined = Buffer.alloc(0);
    backend.stdout.on("data", (chunk: Buffer) => {
      if (head === undefined) return void writeHeld(response, chunk, backend.stdout);
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) return;
      writeHead(response, head.subarray(0, end).toString());
      response.write(head.subarray(end + 4));
      head = undefined;
    });
    backend.on("error", () => response.destroy());
    backend.on("close", () => {
      if (head !== undefined && !response.headersSent) response.writeHead(500);
      response.end();
      resolve();
    });
  });
}

/** Stops reading while the client is slower, or a large clone would pile up in memory. */
function writeHeld(response: ServerResponse, chunk: Buffer, source: NodeJS.ReadableStream): void {
  if (response.write(chunk)) return;
  source.pause();
  response.once("drain", () => source.resume());
}

function writeHead(response: ServerResponse, head: string): void {
  let status = 200;
  for (const line of head.split("\r\n")) {
    const colon = line.indexOf(":");
    const [name, value] = [line.slice(0, colon), line.slice(colon + 1).trim()];
    if (name.toLowerCase() === "status") status = Number.parseInt(value, 10);
    else response.setHeader(name, value);
  }
  response.writeHead(status);
}

const definedOnly = (values: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined));
