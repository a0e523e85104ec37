import type { AppUid, ClusterId, CommitId, Digest } from "@muster/shared/model/ids.ts";
import { describe, expect, it } from "vitest";
import type { AppFacts, PlacementFacts } from "./app-facts.ts";
import { type Intent, newIntent } from "./documents/intent.ts";
import type { Release } from "./documents/release.ts";
import { summarizeApp } from "./summarize-app.ts";

const uid = "u1" as AppUid;
const epoch = { number: 1, tag: "a" };
const digest = (number: number) => `b1:sha256:${String(number).repeat(64)}` as Digest;

const release = (number: number): Release => ({
  app: uid,
  number,
  input: {
    repository: "https://git.example.com/fleet.git",
    branch: "main",
    commit: String(number).repeat(40) as CommitId,
    revision: number,
    subject: `Commit ${number}`,
    author: "a",
    committedAt: 0,
    path: ".",
    tree: `t${number}`,
    renderer: { kind: "plain", version: "1" },
    others: [],
    charts: [],
    spec: null,
    references: [],
    cover: [],
    closure: null,
  },
  options: {
    destination: { namespace: "default", createNamespace: false },
    sync: { adopt: "none", drift: "heal", prune: true },
  },
  bundle: { digest: digest(number), objects: 1, bytes: 1 },
  table: null,
  held: false,
  audit: [],
  cause: { kind: "commit", detail: "" },
  created: 0,
});

/** A cluster that runs a Release, and reported so. */
const running = (number: number): PlacementFacts => ({
  cluster: { id: "c1" as ClusterId, name: "eu-1", state: "Connected" },
  isPlaced: true,
  entry: {
    epoch,
    generation: 5,
    payloadSha256: "ab".repeat(32),
    since: 0,
    content: { kind: "run", release: number, digest: digest(number), direction: "forward" },
    history: [],
  },
  observed: {
    report: {
      epoch,
      generation: 5,
      digest: digest(number),
      phase: "Applied",
      sync: "Synced",
      health: "Healthy",
      message: "",
      objects: 1,
      drift: 0,
      at: 0,
    },
    ahead: null,
  },
});

function facts(newest: number, intent: Partial<Intent>, candidate: number): AppFacts {
  const base = newIntent({ uid, project: "default", name: "shop" }, { term: 1, epoch });
  return {
    name: { project: "default", name: "shop" },
    stored: null,
    intent: { ...base, stages: [{ name: "all", current: candidate, candidate, completed: null }], ...intent },
    releases: new Map(),
    newest: release(newest),
    source: null,
    isSourceThere: true,
    renderProblems: [],
    placements: [running(1)],
  };
}

const pin = { release: 1, by: "me", reason: "an outage", since: 0, fromRollback: true, revision: 1, newestRelease: 1 };

describe("who runs what is shown as the App's Release", () => {
  it.each([
    ["a Release that every cluster runs", facts(1, {}, 1), 1, "r1 everywhere"],
    ["a Release that is being rolled out", facts(2, {}, 2), 0, "rollout: r2, 1 to go"],
    // Between the Release and the decision to roll it out a reader would see the new commit at the old one's count.
    ["a Release that was made this moment", facts(2, {}, 1), 0, "rollout: r2, 1 to go"],
    ["the pinned Release, whatever Git says", facts(2, { pin }, 2), 1, 'pinned by me: "an outage"; Git is at r2'],
  ])("%s", (_, given, atTarget, state) => {
    expect(summarizeApp(given)).toMatchObject({ summary: { clusters: 1, atTarget }, state });
  });

  it.each([
    ["the same bundle in the same namespace", "default", 1],
    ["the same bundle in another namespace", "front", 0],
  ])("a Release that gives %s", (_, namespace, atTarget) => {
    const [one, two] = [release(1), release(2)];
    const options = { ...two.options, destination: { ...two.options.destination, namespace } };
    const next: Release = { ...two, bundle: one.bundle, options };
    const given: AppFacts = { ...facts(2, {}, 2), releases: new Map([[1, one]]), newest: next };
    expect(summarizeApp(given).summary).toMatchObject({ atTarget });
  });
});
