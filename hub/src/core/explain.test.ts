import type { AppUid, ClusterId, Digest } from "@muster/shared/model/ids.ts";
import type { Problem } from "@muster/shared/model/problem.ts";
import { describe, expect, it } from "vitest";
import type { AppFacts, PlacementFacts } from "./app-facts.ts";
import { newIntent } from "./documents/intent.ts";
import type { ReportDetail } from "./documents/observed.ts";
import type { SourceStatus } from "./documents/source-status.ts";
import { explain, tellingPlacement } from "./explain.ts";
import { summarizeApp } from "./summarize-app.ts";

const epoch = { number: 1, tag: "a" };
const digest = `b1:sha256:${"1".repeat(64)}` as Digest;

const failing = (name: string, message: string): PlacementFacts => ({
  cluster: { id: name as ClusterId, name, state: "Connected" },
  isPlaced: true,
  entry: {
    epoch,
    generation: 5,
    payloadSha256: "ab".repeat(32),
    since: 0,
    content: { kind: "run", release: 3, digest, direction: "forward" },
    history: [],
  },
  observed: {
    report: {
      epoch,
      generation: 5,
      digest,
      phase: "Failed",
      sync: "OutOfSync",
      health: "Unknown",
      message,
      objects: 1,
      drift: 0,
      at: 0,
    },
    ahead: null,
  },
});

function factsOf(change: Partial<AppFacts>): AppFacts {
  const base = newIntent({ uid: "u1" as AppUid, project: "default", name: "shop" }, { term: 1, epoch });
  const stages = [{ name: "all", current: 3, candidate: 3, completed: null }];
  return {
    name: { project: "default", name: "shop" },
    stored: {
      kind: "App",
      uid: "u1" as AppUid,
      definition: {
        apiVersion: "muster.dev/v1alpha1",
        kind: "App",
        metadata: { project: "default", name: "shop" },
        spec: { source: { name: "fleet", path: "." } },
      },
    } as unknown as AppFacts["stored"],
    intent: { ...base, stages },
    releases: new Map(),
    newest: null,
    source: null,
    isSourceThere: true,
    renderProblems: [],
    placements: [],
    ...change,
  };
}

const notOurs: Problem = {
  code: "NotOwned",
  message: "Service default/shop exists, and Muster did not make it; it is left alone.",
  where: { object: { apiVersion: "v1", kind: "Service", namespace: "default", name: "shop" } },
  fix: "Delete it, or let default/shop take it over with spec.sync.adopt: all",
};
const detailOf = (problem: Problem): ReportDetail => ({ generation: 5, objects: [], drift: [], problems: [problem] });

describe("an App that fails", () => {
  const facts = factsOf({
    placements: [
      failing("eu-1", "no kind Widget"),
      failing("eu-2", "Service exists…"),
      failing("us-1", "Service exists…"),
    ],
  });

  it("says the most common cause, where it is so, and what to do", () => {
    expect(tellingPlacement(facts, null)?.cluster.name).toBe("eu-2");
    expect(explain(facts, null, detailOf(notOurs))).toMatchObject({
      reason: "Failing",
      message: `default/shop r3 fails on 3 of 3 clusters. On eu-2, us-1: ${notOurs.message}`,
      next: notOurs.fix,
    });
    expect(summarizeApp(facts).firstCause).toEqual({
      message: "Service exists…",
      clusters: ["eu-2", "us-1"],
      count: 2,
    });
  });

  it("names the object that an API server's words leave out", () => {
    const { message } = explain(facts, null, detailOf({ ...notOurs, message: "conversion failed" }));
    expect(message).toContain("On eu-2, us-1: Service default/shop: conversion failed");
  });

  it("says it in short where the details are gone, and where to look", () => {
    expect(explain(facts, null)).toMatchObject({
      message: expect.stringContaining("On eu-2, us-1: Service exists…"),
      next: "muster why default/shop --cluster eu-2",
    });
  });

  it("says what to do in one cluster", () => {
    expect(explain(facts, "eu-2", detailOf(notOurs))).toMatchObject({
      message: `eu-2: ${notOurs.message}`,
      next: notOurs.fix,
    });
  });
});

describe("what is wrong before any cluster", () => {
  it("tells file and line of what does not render", () => {
    const where = { path: "apps/shop/cm.yaml", line: 7, commit: "b91da93".padEnd(40, "0"), document: 1 };
    const facts = factsOf({ renderProblems: [{ code: "KindMissing", message: '"kind" is missing.', where }] });
    expect(explain(facts, null).message).toMatch(
      /^apps\/shop\/cm\.yaml:7 \(commit b91da93, document 1\): "kind" is missing\. default\/shop stays at r3/,
    );
  });

  it.each([
    ["without a Release", factsOf({ isSourceThere: false, intent: null })],
    ["with a Release", factsOf({ isSourceThere: false })],
  ])("says once what stays when there is no such Source, %s", (_, facts) => {
    const { message } = explain(facts, null);
    expect(message.match(/default\/shop (has no Release|stays)/g)).toHaveLength(1);
  });

  it("keeps an App calm whose newest commit is held, and says so plainly", () => {
    const problem: Problem = {
      code: "CommitHeld",
      message: "Commit 4f2c9e1 is held: unsigned.",
      where: {},
      fix: "Sign.",
    };
    const held = { commit: "4f2c9e1aa" };
    const source = { problems: [problem], held } as unknown as SourceStatus;
    const facts = factsOf({ source });
    expect(summarizeApp(facts)).toMatchObject({
      problems: [],
      state: "placed on no cluster; commit 4f2c9e1 is held unverified",
    });
    const { reason, message, next } = explain(facts, null);
    expect([reason, next]).toEqual(["Running", "Sign."]);
    expect(message).toBe("default/shop runs r3 on 0 of 0 clusters. Commit 4f2c9e1 is held: unsigned.");

    const first = factsOf({ source, intent: null });
    expect(explain(first, null)).toMatchObject({ reason: "HeldUnverified", next: "Sign." });
    expect(summarizeApp(first).state).toBe("no release yet; commit 4f2c9e1 is held unverified");
  });

  it("follows a rewritten history without calling it a problem of the App", () => {
    const problem: Problem = { code: "HistoryRewritten", message: "The history was rewritten.", where: {} };
    const facts = factsOf({ source: { problems: [problem] } as unknown as SourceStatus });
    expect(summarizeApp(facts)).toMatchObject({ problems: [], state: "placed on no cluster" });
    expect(explain(facts, null).reason).toBe("Running");
  });
});
