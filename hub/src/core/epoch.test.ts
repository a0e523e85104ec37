import { describe, expect, it } from "vitest";
import { EPOCH_1, EPOCH_2, run, sha } from "../testing/facts.ts";
import { judgeHeld, nextEpoch } from "./epoch.ts";

const former = (generation: number, hash = String(generation)) => ({
  epoch: EPOCH_1,
  generation,
  release: generation,
  payloadSha256: sha(hash),
});

describe("judgeHeld", () => {
  const entry = run(5, { history: [former(4), former(2)] });
  const held = (generation: number, hash = String(generation), epoch = EPOCH_1) => ({
    epoch,
    generation,
    payloadSha256: sha(hash),
  });
  it.each([
    ["what is in force", held(5), "in-sync"],
    ["the one before", held(4), "behind"],
    ["older than all that is remembered", held(1), "behind"],
    ["above", held(6), "ahead"],
    ["the same number with other content", held(5, "f"), "ahead"],
    ["a former number with other content", held(4, "f"), "ahead"],
    ["a number between that was never given", held(3), "ahead"],
    ["a later epoch", held(1, "1", EPOCH_2), "ahead"],
    ["the same epoch of another life", held(5, "5", { number: 1, tag: "other" }), "ahead"],
  ])("%s", (_what, mark, expected) => {
    expect(judgeHeld(mark, entry)).toBe(expected);
  });

  it("is ahead of a hub that knows nothing, and behind whatever a later epoch says", () => {
    expect(judgeHeld(held(1), undefined)).toBe("ahead");
    expect(judgeHeld(held(99), run(5, { epoch: EPOCH_2 }))).toBe("behind");
  });

  it("is ahead below the first assignment that the hub remembers to have given at all", () => {
    expect(judgeHeld(held(3), run(5))).toBe("ahead");
  });
});

describe("nextEpoch", () => {
  it.each([
    ["a mark of this epoch", 1, [{ epoch: EPOCH_1, generation: 9 }], 2],
    ["a mark of a later epoch", 1, [{ epoch: { number: 7, tag: "x" }, generation: 1 }], 8],
    [
      "the highest of several",
      2,
      [
        { epoch: EPOCH_1, generation: 9 },
        { epoch: { number: 3, tag: "x" }, generation: 1 },
      ],
      4,
    ],
    ["only marks of epochs before", 3, [{ epoch: EPOCH_2, generation: 9 }], null],
    ["nothing", 1, [], null],
  ])("%s", (_what, current, proven, expected) => {
    const next = nextEpoch({ number: current, tag: "now" }, proven, "new");
    expect(next).toEqual(expected === null ? null : { number: expected, tag: "new" });
  });
});
