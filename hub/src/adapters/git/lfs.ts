import { createHash, randomUUID } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AppError, isAppError } from "@muster/shared/errors.ts";
import { z } from "zod";
import type { GitRemote } from "../../ports/git-source.ts";
import { parseAddress } from "./address.ts";
import { failures, publicUrl } from "./failures.ts";
import { fromHttp, type Http, type HttpAnswer } from "./http.ts";
import type { LfsPointer } from "./lfs-pointer.ts";
import { runSsh, type SshDependencies } from "./ssh.ts";

const BATCH_MAX = 100;
const DOWNLOADS_MAX = 4;
const REDIRECTS_MAX = 3;
const TIMEOUT_MS = 5 * 60_000;
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;
const JSON_TYPE = "application/vnd.git-lfs+json";

const headers = z.record(z.string(), z.string()).default({});
const batchAnswer = z.object({
  objects: z.array(
    z.object({
      oid: z.string(),
      error: z.object({ code: z.number(), message: z.string() }).optional(),
      actions: z.object({ download: z.object({ href: z.string(), header: headers }).optional() }).default({}),
    }),
  ),
});
const sshAnswer = z.object({ href: z.string(), header: headers });

interface Endpoint {
  readonly url: string;
  readonly header: Readonly<Record<string, string>>;
}

/**
 * The contents behind pointers of Git LFS, by its batch interface, over the connections that judge every address: where
 * a server keeps its files is its own choice, and often another host. What was downloaded is kept in `folder`.
 */
export async function readLfs(
  deps: SshDependencies & { readonly http: Http },
  remote: GitRemote,
  folder: string,
  pointers: readonly LfsPointer[],
): Promise<readonly Uint8Array[]> {
  const address = parseAddress(remote.url);
  const sources =
    address.kind === "file" ? [join(address.path, ".git", "lfs"), join(address.path, "lfs"), folder] : [folder];
  const contents = new Map<string, Uint8Array>();
  const missing = new Map<string, LfsPointer>();
  for (const pointer of pointers) {
    const kept = await readKept(sources, pointer);
    if (kept !== null) contents.set(pointer.oid, kept);
    else missing.set(pointer.oid, pointer);
  }
  if (missing.size > 0) {
    if (address.kind === "file") throw notThere(remote, [...missing.keys()][0] ?? "");
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const endpoint: Endpoint =
      address.kind === "http"
        ? { url: `${address.url.replace(/(\.git)?$/, ".git")}/info/lfs`, header: {} }
        : await askOverSsh(deps, remote, signal);
    const wanted = [...missing.values()];
    for (let from = 0; from < wanted.length; from += BATCH_MAX) {
      const downloads = await batch(deps.http, remote, endpoint, wanted.slice(from, from + BATCH_MAX), signal);
      await inParallel(downloads, async ({ pointer, href, header }) => {
        const bytes = await download(deps.http, remote, { url: href, header }, pointer, signal);
        await keep(folder, pointer, bytes);
        contents.set(pointer.oid, bytes);
      });
    }
  }
  return pointers.map(({ oid }) => contents.get(oid) as Uint8Array);
}

const placeOf = (folder: string, oid: string): string => join(folder, "objects", oid.slice(0, 2), oid.slice(2, 4), oid);

async function readKept(folders: readonly string[], pointer: LfsPointer): Promise<Uint8Array | null> {
  for (const folder of folders) {
    const bytes = await readFile(placeOf(folder, pointer.oid)).catch(() => null);
    if (bytes !== null && isWhole(bytes, pointer)) return bytes;
  }
  return null;
}

async function keep(folder: string, { oid }: LfsPointer, bytes: Uint8Array): Promise<void> {
  const place = placeOf(folder, oid);
  await mkdir(dirname(place), { recursive: true });
  const unfinished = `${place}.${randomUUID()}`;
  await writeFile(unfinished, bytes);
  await rename(unfinished, place);
}

const isWhole = (bytes: Uint8Array, { oid, bytes: length }: LfsPointer): boolean =>
  bytes.length === length && createHash("sha256").update(bytes).digest("hex") === oid;

async function askOverSsh(deps: SshDependencies, remote: GitRemote, signal: AbortSignal): Promise<Endpoint> {
  const output = await runSsh(deps, remote, (path) => `git-lfs-authenticate ${path} download`, signal);
  const parsed = sshAnswer.safeParse(tryJson(output));
  if (!parsed.success) throw notSpoken(remote);
  return { url: parsed.data.href.replace(/\/+$/, ""), header: parsed.data.header };
}

interface Download {
  readonly pointer: LfsPointer;
  readonly href: string;
  readonly header: Readonly<Record<string, string>>;
}

async function batch(
  http: Http,
  remote: GitRemote,
  { url, header }: Endpoint,
  pointers: readonly LfsPointer[],
  signal: AbortSignal,
): Promise<readonly Download[]> {
  const objects = pointers.map(({ oid, bytes }) => ({ oid, size: bytes }));
  const answer = await http.request(remote, {
    method: "POST",
    url: `${url}/objects/batch`,
    headers: { ...lower(header), accept: JSON_TYPE, "content-type": JSON_TYPE },
    body: JSON.stringify({ operation: "download", transfers: ["basic"], hash_algo: "sha256", objects }),
    signal,
  });
  const bytes = await bodyOf(remote, url, answer, ANSWER_BYTES_MAX, signal);
  if (answer.statusCode === 401 || answer.statusCode === 403) throw failures.refused(remote);
  const parsed = answer.statusCode === 200 ? batchAnswer.safeParse(tryJson(bytes.toString("utf8"))) : null;
  if (!parsed?.success) throw notSpoken(remote);
  const found = new Map(parsed.data.objects.map((object) => [object.oid, object]));
  return pointers.map((pointer) => {
    const action = found.get(pointer.oid)?.actions.download;
    if (action === undefined) throw notThere(remote, pointer.oid);
    return { pointer, ...action };
  });
}

async function download(
  http: Http,
  remote: GitRemote,
  at: { url: string; header: Readonly<Record<string, string>> },
  pointer: LfsPointer,
  signal: AbortSignal,
): Promise<Uint8Array> {
  let { url } = at;
  for (let hops = 0; hops <= REDIRECTS_MAX; hops += 1) {
    if (!/^https?:\/\//i.test(url)) throw failures.redirect(remote, url.slice(0, 200), "it is not HTTP");
    const isFirst = new URL(url).origin === new URL(at.url).origin;
    const answer = await http
      .request(remote, { method: "GET", url, headers: isFirst ? lower(at.header) : {}, signal })
      .catch((error) => {
        throw isAppError(error, "forbidden")
          ? failures.redirect(remote, new URL(url).origin, error.message, error)
          : error;
      });
    const { location } = answer.headers;
    if (answer.statusCode >= 300 && answer.statusCode < 400 && typeof location === "string") {
      await answer.body.dump();
      const next = new URL(location, url);
      if (url.startsWith("https:") && next.protocol !== "https:") {
        throw failures.redirect(remote, next.origin, "it leaves TLS");
      }
      url = next.href;
      continue;
    }
    const bytes = await bodyOf(remote, url, answer, pointer.bytes, signal);
    if (answer.statusCode !== 200) throw notThere(remote, pointer.oid);
    if (!isWhole(bytes, pointer)) {
      throw new AppError(
        "corrupt",
        `the LFS file ${pointer.oid} of ${publicUrl(remote.url)} is not what its pointer says`,
      );
    }
    return bytes;
  }
  throw failures.redirect(remote, new URL(url).origin, `it is the ${REDIRECTS_MAX + 1}th in a row`);
}

async function bodyOf(
  remote: GitRemote,
  url: string,
  { body }: HttpAnswer,
  bytesMax: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  let total = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      total += chunk.length;
      if (total > bytesMax) throw new AppError("too-large", `${publicUrl(remote.url)}: the LFS server sends too much`);
      parts.push(chunk);
    }
  } catch (error) {
    throw fromHttp(remote, { url, signal }, error);
  }
  return Buffer.concat(parts);
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values();
  const one = async (): Promise<void> => {
    for (const item of waiting) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(DOWNLOADS_MAX, items.length) }, one));
}

/** What a server asks to be sent along, without what is the connection's own to say. */
const lower = (header: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(header)
      .map(([name, value]) => [name.toLowerCase(), value] as const)
      .filter(([name]) => !CONNECTION_HEADERS.has(name)),
  );

const CONNECTION_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "host",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
]);

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const notSpoken = (remote: GitRemote): AppError =>
  new AppError("unavailable", `the server of ${publicUrl(remote.url)} does not offer Git LFS for it`, {
    fix: "Turn LFS on for the repository at the server, or take the files out of LFS.",
  });

const notThere = (remote: GitRemote, oid: string): AppError =>
  new AppError("not-found", `the LFS file ${oid} is not at the server of ${publicUrl(remote.url)}`, {
    fix: "Push it there: git lfs push --all origin.",
  });
