import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createWorkerBundleOpener } from "@muster/agent/adapters/bundle/worker-bundle-opener.ts";
import { createHttpEnrolment } from "@muster/agent/adapters/join/http.ts";
import { createKeyMaker } from "@muster/agent/adapters/join/keys.ts";
import { openChannel, raw } from "@muster/agent/adapters/link/grpc/channel.ts";
import {
  createMemoryCluster,
  type MemoryCluster,
} from "@muster/agent/adapters/memory-cluster/create-memory-cluster.ts";
import { ensureNamespace } from "@muster/agent/adapters/state/secret-document.ts";
import { createSecretState } from "@muster/agent/adapters/state/secret-state.ts";
import { type Agent, createAgent } from "@muster/agent/create-agent.ts";
import { askToJoin } from "@muster/agent/flows/ask-for-membership.ts";
import type { HubLink, HubMessage } from "@muster/agent/ports/hub-link.ts";
import { FakeLeases } from "@muster/agent/testing/fake-lease.ts";
import { openHubKeys } from "@muster/hub/adapters/keys/open-hub-keys.ts";
import { AppError } from "@muster/shared/errors.ts";
import { silentLog } from "@muster/shared/log.ts";
import { keyHash } from "@muster/shared/model/joining.ts";
import type { Report } from "@muster/shared/model/report.ts";
import type { KeySet } from "@muster/shared/model/session.ts";
import { systemClock } from "@muster/shared/system-clock.ts";
import { assignmentV1, tombstoneV1 } from "@muster/shared/testing/wire-v1.ts";
import { verifyKeySets } from "@muster/shared/trust/key-set.ts";
import { parseJoinToken } from "@muster/shared/trust/tokens.ts";
import { decodeSignedAssignment } from "@muster/shared/wire/assignment.ts";
import { decodeSignedKeySet } from "@muster/shared/wire/key-set.ts";
import { LINK_METHODS } from "@muster/shared/wire/service.ts";
import { decodeAgentEnvelope, decodeHubEnvelope } from "@muster/shared/wire/session.ts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { keepFormat } from "../compatibility/keep-format.ts";
import { sqliteFromText } from "../compatibility/sqlite-text.ts";
import { type Reaper, startReaper } from "../control-plane/processes/reaper.ts";
import { eventually, throughout } from "../fleet/eventually.ts";
import { type HubProcess, startHub } from "../fleet/hub-process.ts";

const repositoryRoot = join(import.meta.dirname, "..", "..");
const fixtures = join(repositoryRoot, "shared", "fixtures");
const kept = (file: string): string => readFileSync(join(fixtures, "kept-v1", file), "utf8");
const wire = (file: string): Uint8Array => new Uint8Array(readFileSync(join(fixtures, "wire-v1", file)));
const random = (bytes: number): Uint8Array => randomBytes(bytes);

if (process.env.MUSTER_KEEP_FORMAT) {
  const folder = join(fixtures, process.env.MUSTER_KEEP_FORMAT);
  test("what hub and agent keep today is written down", () => keepFormat(folder));
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "muster-compatibility-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("today's hub", () => {
  let reaper: Reaper;
  let hub: HubProcess | undefined;
  beforeEach(() => {
    reaper = startReaper();
  });
  afterEach(async () => {
    await hub?.stop();
    hub = undefined;
    await reaper.close();
  });
  const databaseOf = (dataDir: string): string => join(dataDir, "hub.sqlite");

  /** A hub with keys of its own and the store of the first format. */
  async function startOnKeptStore(): Promise<HubProcess> {
    const started = await startHub({ reaper, folder });
    hub = started;
    await started.stop();
    for (const end of ["", "-wal", "-shm"]) rmSync(`${databaseOf(started.dataDir)}${end}`, { force: true });
    sqliteFromText(kept("store.sql"), databaseOf(started.dataDir));
    await started.start();
    return started;
  }

  test("opens the store of the first format, with all that was in it, and goes on from there", async () => {
    const { api } = await startOnKeptStore();
    const [summary, ...others] = await api.apps();
    expect(others).toEqual([]);
    const name = summary?.name ?? "";
    const before = await api.app(name);
    expect(before.pin).toMatchObject({ release: 1, by: "admin", reason: "kept for later versions" });
    expect((await api.releases(name)).map(({ number }) => number)).toEqual([2, 1]);
    expect(before.placements).toMatchObject([
      {
        cluster: "kept",
        clusterState: "Disconnected",
        assigned: { release: 1, generation: 4 },
        observed: { generation: 4, phase: "Applied", sync: "Synced", health: "Healthy" },
      },
    ]);
    expect(await api.cluster("kept")).toMatchObject({ state: "Disconnected", agentVersion: "0.1.0" });

    // Its Git server is long gone: that is told, and deletes nothing.
    await eventually(async () =>
      expect((await api.source(name)).problems.map(({ code }) => code)).toEqual(["RepositoryUnreachable"]),
    );
    await api.unpin(name);
    await eventually(async () => {
      const { pin, placements } = await api.app(name);
      expect(pin).toBeNull();
      expect(placements[0]?.assigned).toMatchObject({ release: 2, generation: 5 });
    });
    await hub?.restart();
    expect((await hub?.api.app(name))?.placements[0]?.assigned).toMatchObject({ release: 2, generation: 5 });
  });

  test.each([
    {
      what: "of a newer schema",
      change: "PRAGMA user_version = 999",
      message: /hub\.sqlite has schema 999; this hub knows schemas up to \d+$/,
      fix: "A newer hub wrote it. Start that version again, or restore a backup made before the upgrade.",
    },
    {
      what: "with newer documents",
      change: `UPDATE documents SET value = '{"version":999,"writtenBy":"9.0.0"}' WHERE collection = 'meta'`,
      message:
        /^the store holds documents of version 999, written by Muster 9\.0\.0; this is Muster .*, which reads up to version \d+$/,
      fix: "Start Muster 9.0.0 or later on this data, or restore a backup made before the upgrade.",
    },
    {
      what: "that is another program's",
      change: "PRAGMA application_id = 1",
      message: /hub\.sqlite is an SQLite database, but not one of Muster's$/,
      fix: "Point the hub at its own file, or at an empty data directory.",
    },
  ])(
    "refuses a store $what, in words and with exit code 3, and leaves it as it is",
    async ({ change, message, fix }) => {
      const dataDir = join(folder, "data");
      await openHubKeys({ directory: join(dataDir, "keys"), clock: systemClock, random });
      sqliteFromText(`${kept("store.sql")}${change};`, databaseOf(dataDir));
      const contents = () => {
        const database = new DatabaseSync(databaseOf(dataDir), { readOnly: true });
        const rows = database.prepare("SELECT * FROM documents").all();
        database.close();
        return rows;
      };
      const before = contents();
      const { exitCode, events } = await runHubToItsEnd(reaper, dataDir);
      expect(exitCode).toBe(3);
      const told = events.find(({ msg }) => msg === "the hub cannot go on");
      expect(told?.err?.message).toMatch(message);
      expect(told?.fix).toBe(fix);
      expect(contents()).toEqual(before);
    },
  );

  test("refuses a store whose keys are missing with exit code 3, rather than shut every cluster out", async () => {
    const dataDir = join(folder, "data");
    mkdirSync(dataDir);
    sqliteFromText(kept("store.sql"), databaseOf(dataDir));
    const { exitCode, events } = await runHubToItsEnd(reaper, dataDir);
    expect(events.find(({ msg }) => msg === "the hub cannot go on")).toMatchObject({
      err: { message: expect.stringContaining("this hub has lived before") },
      fix: expect.stringContaining("Restore the file from its backup"),
    });
    expect(exitCode).toBe(3);
    expect(existsSync(join(dataDir, "keys"))).toBe(false);
  });

  test("greets the Hello of the first protocol", async () => {
    hub = await startHub({ reaper, folder });
    const hello = decodeAgentEnvelope(wire("hello.bin"));
    if (hello.kind !== "hello") throw new Error("the fixture is a Hello");
    const { token, caHash } = await hub.api.register("first");
    const enrolment = createHttpEnrolment({ address: hub.url });
    const keys = createKeyMaker();
    const privateKey = await keys.createKey();
    const means = { hub: enrolment, keys, caHash: keyHash.parse(caHash), clock: systemClock, random };
    const { signal } = new AbortController();
    const asker = { token: parseJoinToken(token), privateKey, clusterUid: hello.hello.clusterUid };
    const membership = await askToJoin(means, asker, signal);
    await enrolment.close();
    const client = openChannel({ ...membership, privateKey }, membership.endpoints[0] ?? "");
    try {
      const call = client.makeBidiStreamRequest(LINK_METHODS.connect, raw, (bytes: Buffer) => bytes);
      call.on("error", () => {});
      const answer = new Promise<Buffer>((resolve) => call.once("data", resolve));
      call.write(wire("hello.bin"));
      expect(decodeHubEnvelope(await answer)).toMatchObject({
        kind: "hello-ack",
        ack: { protocol: 1, hubId: membership.hubId },
      });
      await eventually(async () => expect((await hub?.api.cluster("first"))?.state).toBe("Connected"));
      call.cancel();
    } finally {
      client.close();
    }
  });
});

describe("today's agent", () => {
  let cluster: MemoryCluster;
  let agent: Agent | undefined;
  beforeEach(() => {
    cluster = createMemoryCluster({ clock: systemClock, random: Math.random, name: "kept" });
  });
  afterEach(async () => {
    await agent?.stop();
    agent = undefined;
    await cluster.close();
  });

  function start(identity: { hubId: string; clusterId: string; keySets: readonly KeySet[] }, link: HubLink): Agent {
    const { api } = cluster;
    const instance = randomBytes(4).toString("hex");
    agent = createAgent({
      cluster: api,
      link,
      state: createSecretState({ cluster: api, namespace: "muster-system", instance }),
      lease: new FakeLeases().open(),
      bundles: createWorkerBundleOpener(),
      identity: { ...identity, keepKeySet: async () => {}, renewSoon: () => {} },
      clock: systemClock,
      log: silentLog,
      random: Math.random,
      version: "0.1.0",
      instance,
    });
    agent.start();
    return agent;
  }

  test("takes up the memory of the first format, and holds the line from it without a hub", async () => {
    const { hubId, clusterId, secrets } = JSON.parse(kept("agent-state.json"));
    await ensureNamespace(cluster.api, "muster-system");
    for (const secret of secrets) await cluster.api.create(secret);
    const nobody: HubLink = {
      connect: () => Promise.reject(new AppError("unavailable", "nobody is there")),
      close: async () => {},
    };
    const started = start({ hubId, clusterId, keySets: [] }, nobody);
    // The cluster itself is new: what the memory names is made again, from the bundle that lies beside it.
    const ref = { apiVersion: "v1", kind: "ConfigMap", namespace: "kept", name: "a" };
    await eventually(async () => expect((await cluster.api.get(ref))?.data).toEqual({ step: "1" }));
    await eventually(() =>
      expect(started.status().apps).toMatchObject([
        { generation: 4, phase: "Applied", sync: "Synced", health: "Healthy" },
      ]),
    );
    await cluster.asUser("kubectl-edit").update(ref, (object) => {
      object.data.step = "by hand";
    });
    await eventually(async () => expect((await cluster.api.get(ref))?.data).toEqual({ step: "1" }));
  });

  test("obeys the assignments of the first format, as its hub sent them, and no older one after a newer", async () => {
    const chain = ["key-set-1.bin", "key-set-2.bin"].map((file) => decodeSignedKeySet(wire(file)));
    const keySets = verifyKeySets(chain, wire("root.spki"));
    const greeting = decodeHubEnvelope(wire("hello-ack.bin"));
    if (greeting.kind !== "hello-ack") throw new Error("the fixture is an ack");
    const files = ["assignment-remove.bin", "assignment-run.bin", "assignment-remove.bin"];
    const messages = files.map(
      (file): HubMessage => ({ kind: "assignment", signed: decodeSignedAssignment(wire(file)) }),
    );
    const reports: Report[] = [];
    const stop = new AbortController();
    const fetched: string[] = [];
    const link: HubLink = {
      connect: async () => ({
        ack: greeting.ack,
        messages: (async function* () {
          yield* messages;
          await new Promise((resolve) => stop.signal.addEventListener("abort", resolve, { once: true }));
        })(),
        report: async (batch) => void reports.push(...batch),
        setActing: () => {},
        // biome-ignore lint/correctness/useYield: it never has any bytes
        fetchBundle: async function* (digest) {
          fetched.push(digest);
          throw new AppError("not-found", "the bundle is not kept");
        },
        close: async () => stop.abort(),
      }),
      close: async () => stop.abort(),
    };
    const { hubId, clusterId } = assignmentV1;
    const started = start({ hubId, clusterId, keySets }, link);

    const of = (generation: number, phase: Report["phase"]) =>
      reports.find((report) => report.generation === generation && report.phase === phase);
    await eventually(() => expect(of(tombstoneV1.generation, "Refused")?.problems[0]?.code).toBe("GenerationOlder"));
    if (assignmentV1.content.kind !== "run") throw new Error("the fixture runs something");
    const { digest } = assignmentV1.content.bundle;
    await eventually(() => expect(fetched).toContain(digest));
    await throughout(200, () =>
      expect(started.status().apps).toMatchObject([{ app: assignmentV1.app, generation: assignmentV1.generation }]),
    );
  });
});

interface HubEvent {
  readonly msg?: string;
  readonly fix?: string;
  readonly err?: { readonly message?: string };
}

async function runHubToItsEnd(
  reaper: Reaper,
  dataDir: string,
): Promise<{ exitCode: number | null; events: HubEvent[] }> {
  const args = [
    join(repositoryRoot, "hub/src/main.ts"),
    ...["--data-dir", dataDir, "--listen", "127.0.0.1:0", "--link-listen", "127.0.0.1:0"],
  ];
  const child: ChildProcess = spawn(process.execPath, args, {
    env: { PATH: process.env.PATH, ...reaper.environment },
    stdio: ["ignore", "pipe", "inherit"],
    timeout: 30_000,
  });
  const drop = child.pid === undefined ? () => {} : reaper.add({ kind: "stop-process", pid: child.pid });
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const exitCode = await new Promise<number | null>((resolve) => child.once("close", resolve));
  drop();
  const events = output
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as HubEvent);
  return { exitCode, events };
}
