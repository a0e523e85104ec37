import { describe, expect, it } from "vitest";
import { fakeTerminal } from "../testing/fake-hub.ts";
import { createNarrator } from "./narrator.ts";

const titles = ["First", "Second"];

describe("narrator", () => {
  it("tells plain lines where nothing can be redrawn, a problem below the step it belongs to", async () => {
    const { terminal, said } = fakeTerminal();
    const narrator = createNarrator(terminal, titles);
    await narrator.step(0, async (say) => {
      say("on the way");
      narrator.problem("a.yaml:1: \u001b[2Jbad");
      return "done";
    });
    narrator.close();
    expect(said.out.split("\n").slice(2)).toEqual([
      "  ✓ First                               0 ms  done",
      "",
      "      a.yaml:1: ␛[2Jbad",
      "",
      "",
    ]);
    expect(said.frames).toEqual([]);
  });

  it("says which step failed and why, and passes the failure on", async () => {
    const { terminal, said } = fakeTerminal();
    const narrator = createNarrator(terminal, titles);
    const failing = narrator.step(1, async () => {
      throw new Error("not seen within 30 s: every cluster runs shop:1.1");
    });
    await expect(failing).rejects.toThrow("not seen within 30 s");
    narrator.close();
    expect(said.out).toContain(
      "  ✗ Second                              0 ms  not seen within 30 s: every cluster runs",
    );
  });

  it("draws the whole picture on a terminal", async () => {
    const { terminal, said } = fakeTerminal({ width: 100 });
    const narrator = createNarrator(terminal, titles);
    await narrator.step(0, async () => "done");
    narrator.close();
    expect(said.out).toBe("");
    expect(said.frames.at(-1)).toMatch(/✓ First .+ done\n {2}○ Second\n/);
  });
});
