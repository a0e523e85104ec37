import type { CommitId } from "@muster/shared/model/ids.ts";
import { describe, expect, it } from "vitest";
import { intent, pin, release, releases } from "../testing/facts.ts";
import type { AppFacts } from "./app-facts.ts";
import type { Intent } from "./documents/intent.ts";
import { type CommitFacts, explainCommit, type FollowedCommit } from "./explain-commit.ts";

const commit = "abc1234".padEnd(40, "0") as CommitId;
const head = "fee1234".padEnd(40, "0") as CommitId;

const factsOf = (change: Partial<AppFacts> = {}, of: Intent = intent({ candidate: 2 })): AppFacts => {
  const definition = { spec: { source: { name: "fleet", path: "apps/shop" } } };
  return {
    name: { project: "storefront", name: "shop" },
    stored: { definition } as unknown as AppFacts["stored"],
    intent: of,
    releases: releases(release(1), release(2)),
    newest: release(2),
    source: null,
    isSourceThere: true,
    renderProblems: [],
    placements: [],
    ...change,
  };
};

const source: CommitFacts["source"] = {
  title: "storefront/fleet",
  url: "https://git.example.com/fleet.git",
  ref: "main",
  head,
  lastChecked: 0,
  problem: null,
};
const at = (place: CommitFacts["place"]): CommitFacts => ({ asked: "abc1234", source, place });
const followed = (over: Partial<FollowedCommit> = {}): CommitFacts =>
  at({ kind: "followed", commit, changesWhatIsRead: true, made: [], after: null, headSameAs: 2, ...over });

const broken = {
  code: "KindMissing" as const,
  message: '"kind" is missing.',
  where: { path: "apps/shop/a.yaml", line: 3, commit: head },
};
const pinned = intent({ candidate: 2, pin: pin({ release: 1 }) });
const isRunning = "storefront/shop runs r2 on 0 of 0 clusters.";

describe("explainCommit", () => {
  it.each<[string, CommitFacts, string, string, Partial<AppFacts>?, Intent?]>([
    [
      "a commit that was not fetched",
      at({ kind: "unknown" }),
      "NotSeenYet",
      "abc1234 is not in what was fetched of https://git.example.com/fleet.git: main is at fee1234 (looked at 1970-01-01T00:00:00.000Z).",
    ],
    [
      "one that was not fetched because nothing is",
      { ...at({ kind: "unknown" }), source: { ...source, problem: { message: "It does not answer.", fix: "Ask." } } },
      "NotSeenYet",
      "(looked at 1970-01-01T00:00:00.000Z). It does not answer.",
    ],
    [
      "one of another branch",
      at({ kind: "elsewhere", commit, wasHead: false }),
      "NotSeenYet",
      "abc1234 is no part of main: main is at fee1234",
    ],
    [
      "one that a force push took away",
      at({ kind: "elsewhere", commit, wasHead: true }),
      "Superseded",
      "abc1234 was the head of main, and is no longer in its history",
    ],
    [
      "one that nobody trusted signed",
      at({ kind: "held", commit, by: commit, reason: "it is not signed.", fix: null }),
      "HeldUnverified",
      `abc1234 is held: it is not signed. ${isRunning}`,
    ],
    [
      "one below it",
      at({ kind: "held", commit, by: head, reason: "it is not signed.", fix: null }),
      "HeldUnverified",
      "abc1234 is held with fee1234 on top of it: it is not signed.",
    ],
    [
      "the one that runs",
      followed({ made: [release(2)] }),
      "Running",
      `abc1234 is r2 of storefront/shop. ${isRunning}`,
    ],
    [
      "one of which an upgrade made another, held Release",
      followed({ made: [release(2), release(3, { held: true })] }),
      "Running",
      "abc1234 is r2 of storefront/shop.",
    ],
    [
      "one that ran before",
      followed({ made: [release(1)] }),
      "Superseded",
      `abc1234 was r1 of storefront/shop, and r2 took its place. ${isRunning}`,
    ],
    [
      "one that a pin holds back",
      followed({ made: [release(2)] }),
      "Pinned",
      "abc1234 is r2 of storefront/shop. storefront/shop is pinned to r1",
      {},
      pinned,
    ],
    [
      "one that the App does not read",
      followed({ changesWhatIsRead: false, after: release(2) }),
      "OutsidePath",
      `abc1234 changes nothing that storefront/shop reads. ${isRunning}`,
    ],
    [
      "one that was pushed together with the next",
      followed({ after: release(2) }),
      "Superseded",
      "abc1234 has no Release of storefront/shop of its own: r2 (2222222 change 2) is the first with it in its history.",
    ],
    [
      "one that cannot be rendered",
      { ...followed({ headSameAs: null }), source: { ...source, head: commit } },
      "RenderRefused",
      'abc1234 is not rendered: apps/shop/a.yaml:3 (commit fee1234): "kind" is missing. storefront/shop stays at r2 on all 0 clusters.',
      { renderProblems: [broken] },
    ],
    [
      "one below a head that cannot be rendered",
      followed({ headSameAs: null }),
      "RenderRefused",
      "abc1234 up to fee1234, the head of main, is not rendered: apps/shop/a.yaml:3",
      { renderProblems: [broken] },
    ],
    [
      "one that changes nothing in the result",
      { ...followed(), source: { ...source, head: commit } },
      "RendersSame",
      `abc1234 renders the same as r2 of storefront/shop. ${isRunning}`,
    ],
    [
      "one that is being rendered",
      { ...followed({ headSameAs: null }), source: { ...source, head: commit } },
      "NoRelease",
      `abc1234 is seen, and being rendered. ${isRunning}`,
    ],
  ])("tells of %s", (_what, given, reason, message, change = {}, of = undefined) => {
    const told = explainCommit(factsOf(change, of), given, { cluster: null, detail: null });
    expect(told.reason).toBe(reason);
    expect(told.message).toContain(message);
  });

  it("tells of a cluster that does not get the App, whatever the commit changes", () => {
    const told = explainCommit(factsOf(), followed({ made: [release(2)] }), { cluster: "eu-1", detail: null });
    expect(told).toMatchObject({
      cluster: "eu-1",
      reason: "NotSelected",
      message: "abc1234 does not reach eu-1: storefront/shop is not placed on eu-1.",
    });
  });
});
