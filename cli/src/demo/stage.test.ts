import stringWidth from "string-width";
import { describe, expect, it } from "vitest";
import { createPaint } from "../output/paint.ts";
import { type Stage, stageText } from "./stage.ts";

const stage: Stage = {
  steps: [
    { title: "Start a hub", state: "done", detail: "https://127.0.0.1:7443", startedAt: 0, tookMs: 812 },
    { title: "Three clusters join", state: "running", detail: "making keys", startedAt: 1_000, tookMs: null },
    { title: "A rollback", state: "waiting", detail: "", startedAt: null, tookMs: null },
  ],
  clusters: [
    {
      name: "paris",
      state: "Connected",
      release: "r1",
      sync: "Synced",
      health: "Healthy",
      image: "shop:1.0",
      replicas: "2/2",
    },
  ],
  problem: "apps/shop/deployment.yaml:1: \u001b[2Jbad",
  footer: "Ctrl-C ends it.",
};

describe("stageText", () => {
  it("shows steps with their time, clusters, the problem and what to do", () => {
    expect(stageText(stage, { paint: createPaint(false), width: null, now: 2_500 })).toBe(`
Muster demo  a real hub, three agents with clusters in memory, one Git repository; all on this machine

  ✓ Start a hub                       812 ms  https://127.0.0.1:7443
  ● Three clusters join                1.5 s  making keys
  ○ A rollback

  CLUSTER  STATE      RELEASE  SYNC    HEALTH   LIVE IMAGE  READY
  paris    Connected  r1       Synced  Healthy  shop:1.0      2/2

  │ apps/shop/deployment.yaml:1: ␛[2Jbad

Ctrl-C ends it.
`);
  });

  it("fits a terminal of 80 columns", () => {
    const long = { ...stage, steps: stage.steps.map((step) => ({ ...step, detail: "long ".repeat(40) })) };
    const lines = stageText(long, { paint: createPaint(false), width: 80, now: 0 })
      .split("\n")
      .slice(2);
    for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(80);
  });
});
