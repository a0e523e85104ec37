/** The renderers' contract against the real helm and kustomize, on this machine and in a process of their own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { openRemoteRenderers } from "@muster/hub/adapters/render/open-remote-renderers.ts";
import { openRenderers } from "@muster/hub/adapters/render/open-renderers.ts";
import { createRendererProcess } from "@muster/hub/create-renderer-process.ts";
import { openHubRenderers } from "@muster/hub/open-hub-renderers.ts";
import { type RendererSubject, rendererContract } from "@muster/hub/ports/renderer.contract.ts";
import { readRendererConfig } from "@muster/hub/renderer-config.ts";
import { MemoryTree } from "@muster/hub/testing/memory-tree.ts";
import { kustomizeOptions, renderThrough } from "@muster/hub/testing/render-through.ts";
import { silentLog } from "@muster/shared/log.ts";
import { systemClock } from "@muster/shared/system-clock.ts";
import { describe, expect, it, vi } from "vitest";
import { binaryPath, isBuilt } from "../control-plane/build/cache-folder.ts";
import { tools } from "../control-plane/versions.ts";
import { selfSignedCertificate } from "../forge/server-certificate.ts";

const areBuilt = isBuilt(tools.helm) && isBuilt(tools.kustomize);
const helm = binaryPath(tools.helm, "helm");
const kustomize = binaryPath(tools.kustomize, "kustomize");
const rendererMain = join(import.meta.dirname, "../../hub/src/renderer-main.ts");

const elsewhere = { where: "elsewhere; there: " };
const CONFIG_MAP = "{ apiVersion: v1, kind: ConfigMap, metadata: { name: a } }";
const makeFolder = () => mkdtempSync(join(tmpdir(), "muster-renderers-"));

async function onThisMachine(): Promise<RendererSubject> {
  const folder = makeFolder();
  const opened = await openRenderers({ directory: join(folder, "render"), helm, kustomize, processesMax: 2 });
  return closingToo(opened, async () => rmSync(folder, { recursive: true }));
}

/** `renderer-main.ts` as it would run in its container, on a socket. */
async function inAProcess(): Promise<RendererSubject & { readonly child: ChildProcess; readonly folder: string }> {
  const folder = makeFolder();
  const socket = join(folder, "renderer.sock");
  const flags = { directory: join(folder, "render"), socket, helm, kustomize, "log-level": "silent" };
  const child = spawn(
    process.execPath,
    [rendererMain, ...Object.entries(flags).map(([key, value]) => `--${key}=${value}`)],
    {
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  const exited = once(child, "exit");
  const stop = async () => {
    child.kill("SIGTERM");
    await exited;
    expect(existsSync(join(folder, "render"))).toBe(false);
    rmSync(folder, { recursive: true });
  };
  await vi.waitFor(() => expect(existsSync(socket)).toBe(true), { timeout: 20_000, interval: 50 });
  return { ...closingToo(await openRemoteRenderers({ kind: "socket", path: socket }, elsewhere), stop), child, folder };
}

async function overTls(): Promise<RendererSubject> {
  const folder = makeFolder();
  const [server, client] = [await selfSignedCertificate(), await selfSignedCertificate()];
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const flags = {
    directory: join(folder, "render"),
    listen: "127.0.0.1:0",
    "tls-certificate": file("server.pem", server.certificate),
    "tls-key": file("server.key", server.key),
    "tls-client-root": file("client.pem", client.certificate),
    helm,
    kustomize,
  };
  const config = readRendererConfig(
    Object.entries(flags).map(([key, value]) => `--${key}=${value}`),
    {},
  );
  const renderer = await createRendererProcess(config, silentLog);
  const address = { kind: "tls", host: "127.0.0.1", port: renderer.port, root: server.certificate } as const;
  await expect(
    openRemoteRenderers({ ...address, certificate: server.certificate, key: server.key }, elsewhere),
    "somebody whose certificate is of another root",
  ).rejects.toMatchObject({ code: "unavailable" });
  const opened = await openRemoteRenderers({ ...address, certificate: client.certificate, key: client.key }, elsewhere);
  return closingToo(opened, async () => {
    await renderer.close();
    rmSync(folder, { recursive: true });
  });
}

/** As a hub starts it. */
async function besideAHub(): Promise<RendererSubject & { readonly folder: string }> {
  const folder = makeFolder();
  const opened = await openHubRenderers(
    { "data-dir": folder, "render-processes": 2, "log-level": "silent", helm, kustomize },
    { clock: systemClock, random: () => 0, log: silentLog },
  );
  return { ...closingToo(opened, async () => rmSync(folder, { recursive: true })), folder };
}

/** The processes whose command line names a folder. */
const processesOf = (folder: string): number[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(folder);
      } catch {
        return false;
      }
    })
    .map(Number);

const closingToo = (opened: RendererSubject, more: () => Promise<void>): RendererSubject => ({
  renderers: opened.renderers,
  close: async () => {
    await opened.close();
    await more();
  },
});

describe.skipIf(!areBuilt)("renderers (npm run control-plane -- build helm kustomize)", () => {
  describe("on this machine", () => rendererContract(onThisMachine, { withTools: true }));
  describe("in a process of their own", () => rendererContract(inAProcess, { withTools: true }));
  describe("beside a hub", () => rendererContract(besideAHub, { withTools: true }));
  describe("over TLS", () => rendererContract(overTls, { withTools: true }));

  it("are unavailable, and not wrong, when their process is gone", async () => {
    const subject = await inAProcess();
    const tree = new MemoryTree({ "app/kustomization.yaml": "resources: [a.yaml]", "app/a.yaml": "kind: X" });
    subject.child.kill("SIGKILL");
    await once(subject.child, "exit");
    rmSync(subject.folder, { recursive: true });
    const rendering = renderThrough(subject.renderers.kustomize, tree, kustomizeOptions());
    await expect(rendering).rejects.toMatchObject({ code: "unavailable", isRetryable: true });
    await expect(openRemoteRenderers({ kind: "socket", path: "/no/such/socket" }, elsewhere)).rejects.toMatchObject({
      code: "unavailable",
    });
  });

  it("beside a hub are started again when they are killed, and are gone when it closes", async () => {
    const subject = await besideAHub();
    const tree = new MemoryTree({ "app/kustomization.yaml": "resources: [a.yaml]", "app/a.yaml": CONFIG_MAP });
    const render = () => renderThrough(subject.renderers.kustomize, tree, kustomizeOptions());
    await expect(render()).resolves.toMatchObject({ kind: "rendered" });
    const [first, ...others] = processesOf(subject.folder);
    expect(others).toEqual([]);
    process.kill(first as number, "SIGKILL");
    await vi.waitFor(async () => expect(await render()).toMatchObject({ kind: "rendered" }), { timeout: 20_000 });
    expect(processesOf(subject.folder)).not.toContain(first);
    await subject.close();
    expect(processesOf(subject.folder)).toEqual([]);
  });

  it("beside a hub end with it, also when it is killed", async () => {
    const folder = makeFolder();
    const script = join(folder, "hub.ts");
    const module = pathToFileURL(join(import.meta.dirname, "../../hub/src/open-hub-renderers.ts")).href;
    const shared = pathToFileURL(join(import.meta.dirname, "../../shared/src")).href;
    const config = { "data-dir": folder, "render-processes": 2, "log-level": "silent", helm, kustomize };
    writeFileSync(
      script,
      `import { openHubRenderers } from ${JSON.stringify(module)};
       import { systemClock } from ${JSON.stringify(`${shared}/system-clock.ts`)};
       import { silentLog } from ${JSON.stringify(`${shared}/log.ts`)};
       await openHubRenderers(${JSON.stringify(config)}, { clock: systemClock, random: () => 0, log: silentLog });
       console.log("serving");`,
    );
    const hub = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] });
    await once(hub.stdout, "data");
    expect(processesOf(join(folder, "render"))).toHaveLength(1);
    hub.kill("SIGKILL");
    await vi.waitFor(() => expect(processesOf(join(folder, "render"))).toEqual([]), { timeout: 10_000 });
    rmSync(folder, { recursive: true });
  });

  it("beside a hub say which binary cannot be run, and what to do", async () => {
    const folder = makeFolder();
    const opening = openHubRenderers(
      { "data-dir": folder, "render-processes": 2, "log-level": "silent", helm: "/no/such/helm", kustomize },
      { clock: systemClock, random: () => 0, log: silentLog },
    );
    await expect(opening).rejects.toMatchObject({ code: "invalid", fix: expect.stringContaining("--helm") });
    expect(readdirSync(join(folder, "render"))).toEqual([]);
    rmSync(folder, { recursive: true });
  });
});
