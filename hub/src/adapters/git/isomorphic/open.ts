import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { AppError, isAppError } from "@muster/shared/errors.ts";
import { parseAddress } from "../address.ts";
import type { Engine } from "../create-git-source.ts";
import { failures } from "../failures.ts";
import { packRequest, readPack } from "../fetch-pack.ts";
import { fromHttp } from "../http.ts";
import { refusal, uploadPackHeaders } from "../link.ts";
import type { Mirror } from "../mirror.ts";
import { readPackets } from "../pkt-line.ts";
import { createWorkerCalls, type WorkerCalls } from "./worker-calls.ts";

/** Without a git binary: isomorphic-git in a worker, started at the first call. Packs are downloaded here. */
export function openIsomorphicEngine(opts: { directory: string }): Engine {
  const worker = createWorkerCalls();
  return {
    speaksSsh: false,
    openMirror(remote, name) {
      const address = parseAddress(remote.url);
      return address.kind === "file"
        ? localRepository(worker, address.path)
        : httpMirror(worker, join(opts.directory, name));
    },
    close: () => worker.close(),
  };
}

const reads = (worker: WorkerCalls, place: () => Promise<string>): Omit<Mirror, "slots" | "pull" | "localRefs"> => ({
  objects: async (oids) => (oids.length === 0 ? [] : worker.call("objects", { gitdir: await place(), oids })),
  sizes: async (oids) => (oids.length === 0 ? [] : worker.call("sizes", { gitdir: await place(), oids })),
  commitsBeginning: async (prefix, max) => worker.call("commitsBeginning", { gitdir: await place(), prefix, max }),
  isAncestor: async (ancestor, descendant) =>
    worker.call("isAncestor", { gitdir: await place(), ancestor, descendant }),
  close: async () => {},
});

/** A repository of this machine is read where it is: everything is here already. */
function localRepository(worker: WorkerCalls, path: string): Mirror {
  const place = async (): Promise<string> => {
    for (const candidate of [join(path, ".git"), path]) {
      if (await stat(join(candidate, "objects")).catch(() => null)) return candidate;
    }
    throw failures.noRepositoryAt(path);
  };
  const mirror = reads(worker, place);
  return {
    ...mirror,
    slots: async () => new Map(),
    async pull(_remote, _link, pulls) {
      const oids = pulls.map(({ oid }) => oid);
      const missing = (await mirror.sizes(oids)).indexOf(null);
      if (missing >= 0) throw new AppError("not-found", `not our ref ${oids[missing]}`);
    },
    localRefs: async (_path, signal) => worker.call("localRefs", { gitdir: await place() }, { signal }),
  };
}

function httpMirror(worker: WorkerCalls, gitdir: string): Mirror {
  let ready: Promise<Map<string, string>> | null = null;
  const prepared = (): Promise<Map<string, string>> => {
    ready ??= prepare().catch((error) => {
      ready = null;
      throw error;
    });
    return ready;
  };

  async function prepare(): Promise<Map<string, string>> {
    const packs = join(gitdir, "objects", "pack");
    await mkdir(packs, { recursive: true });
    // A pack without an index was not finished, and nothing of it is used.
    const files = new Set(await readdir(packs));
    for (const file of files) {
      if (file.endsWith(".pack") && !files.has(file.replace(/pack$/, "idx"))) await rm(join(packs, file));
    }
    return new Map(await worker.call("slots", { gitdir }));
  }

  return {
    ...reads(worker, async () => {
      await prepared();
      return gitdir;
    }),
    slots: prepared,
    async localRefs() {
      throw new Error("a mirror has no local refs");
    },

    async pull(remote, link, pulls, signal) {
      if (link.kind !== "http") throw new Error("only HTTP is mirrored");
      if (link.version !== 2) throw failures.nativeOnly(remote.url, "a server that speaks only Git's old protocol");
      const slots = await prepared();
      const wants = [...new Set(pulls.map(({ oid }) => oid))];
      const url = `${link.base}/git-upload-pack`;
      const body = packRequest(wants, [...new Set(slots.values())].reverse());
      const answer = await link.http.request(remote, { method: "POST", url, headers: uploadPackHeaders, body, signal });
      if (answer.statusCode !== 200) throw await refusal(remote, answer);
      const pack = `pack-${randomUUID()}.pack`;
      const path = join(gitdir, "objects", "pack", pack);
      try {
        await pipeline(readPack(readPackets(answer.body)), createWriteStream(path), { signal });
        await worker.call("index", { gitdir, pack, pulls }, { signal, timeoutMs: INDEX_TIMEOUT_MS });
      } catch (error) {
        await rm(path, { force: true });
        throw isAppError(error) ? error : fromHttp(remote, { url, signal }, error);
      }
      // Newest last: the next fetch names the most recent first.
      for (const { oid, slot } of pulls) {
        slots.delete(slot);
        slots.set(slot, oid);
      }
    },
  };
}

const INDEX_TIMEOUT_MS = 15 * 60_000;
