import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Execute } from "./execute.ts";
import { kindProvider } from "./kind.ts";
import {
  createCommand,
  deleteCommand,
  kindConfig,
  startApiServerCommand,
  stopApiServerCommand,
} from "./kind-commands.ts";

const cluster = { name: "muster-test-1", kubeconfigPath: "/t/kubeconfig", configPath: "/t/kind.json" };

test("a cluster is created by its own name and kubeconfig, never the user's", () => {
  expect(createCommand(cluster, {})).toEqual([
    "kind",
    "create",
    "cluster",
    "--name=muster-test-1",
    "--kubeconfig=/t/kubeconfig",
    "--config=/t/kind.json",
    "--wait=180s",
  ]);
  expect(createCommand(cluster, { kubernetes: "older" }).at(-1)).toBe("--image=kindest/node:v1.34.4");
  expect(createCommand(cluster, { kubernetes: "older" }, "mine:1").at(-1)).toBe("--image=mine:1");
  expect(deleteCommand(cluster)).toEqual([
    "kind",
    "delete",
    "cluster",
    "--name=muster-test-1",
    "--kubeconfig=/t/kubeconfig",
  ]);
});

test("the API server stops and starts by its static manifest", () => {
  const node = ["docker", "exec", "muster-test-1-control-plane", "mv"];
  const manifests = ["/etc/kubernetes/manifests/kube-apiserver.yaml", "/etc/kubernetes/kube-apiserver.yaml"];
  expect(stopApiServerCommand(cluster)).toEqual([...node, ...manifests]);
  expect(startApiServerCommand(cluster)).toEqual([...node, ...manifests.toReversed()]);
});

test("nodes, flags and the audit log become kind's configuration", () => {
  const config = kindConfig(
    { ...cluster, auditFolder: "/t/audit" },
    { nodes: 3, apiServerFlags: ["--v=4", "--quiet"] },
  );
  expect(config).toMatchObject({
    nodes: [
      { role: "control-plane", extraMounts: [{ hostPath: "/t/audit", containerPath: "/var/log/muster-audit" }] },
      { role: "worker" },
      { role: "worker" },
    ],
  });
  const [patch] = (config as { kubeadmConfigPatches: [string] }).kubeadmConfigPatches;
  expect(JSON.parse(patch).apiServer.extraArgs).toEqual({
    "audit-policy-file": "/var/log/muster-audit/policy.json",
    "audit-log-path": "/var/log/muster-audit/audit.jsonl",
    "audit-log-mode": "blocking",
    v: "4",
    quiet: "true",
  });
});

test("when one of several clusters fails, all are deleted and the folder is gone", async () => {
  const calls: string[] = [];
  let folder = "";
  const execute: Execute = async (command, args) => {
    calls.push([command, ...args].join(" "));
    const config = args.find((argument) => argument.startsWith("--config="))?.slice("--config=".length);
    if (config) {
      folder = config.slice(0, config.lastIndexOf("/"));
      expect(JSON.parse(readFileSync(config, "utf8")).kind).toBe("Cluster");
      throw new Error("kind create cluster: no space left");
    }
    return "";
  };
  await expect(kindProvider({ execute }).start({ clusters: 2 })).rejects.toThrow("no space left");
  expect(calls.filter((call) => call.startsWith("kind create"))).toHaveLength(2);
  expect(existsSync(folder)).toBe(false);
});

test("without kind, and without an engine, it says what is missing", async () => {
  const nothing: Execute = async (command) => {
    throw new Error(`${command}: not found`);
  };
  const noEngine: Execute = async (command) => {
    if (command === "docker") throw new Error("cannot connect");
    return "";
  };
  expect(await kindProvider({ execute: nothing }).available()).toMatchObject({
    reason: "there is no kind on the path",
  });
  expect(await kindProvider({ execute: noEngine }).available()).toMatchObject({
    reason: "no Docker engine answers: cannot connect",
  });
});
