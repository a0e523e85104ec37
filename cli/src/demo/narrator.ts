import { printable } from "../output/printable.ts";
import type { Terminal } from "../output/terminal.ts";
import {
  clusterTable,
  DEMO_SUBTITLE,
  DEMO_TITLE,
  type Stage,
  type StageCluster,
  type StageStep,
  stageText,
  stepText,
} from "./stage.ts";

/** Shows the story while it happens: a picture that updates in place on a terminal, one line for each step elsewhere. */
export interface Narrator {
  /** Runs one step; `say` tells what is going on. What `act` answers is what came of it. */
  step(index: number, act: (say: (detail: string) => void) => Promise<string>): Promise<void>;
  /** The clusters as they are now. */
  clusters(clusters: readonly StageCluster[]): void;
  problem(text: string): void;
  footer(text: string): void;
  /** Leaves the last picture where it stands. */
  close(): void;
}

const REDRAW_MS = 80;

export function createNarrator(terminal: Terminal, titles: readonly string[]): Narrator {
  const isLive = terminal.width !== null;
  let stage: Stage = {
    steps: titles.map((title) => ({ title, state: "waiting", detail: "", startedAt: null, tookMs: null })),
    clusters: [],
    problem: "",
    footer: "",
  };
  /** Elsewhere than on a terminal: told below the line of its step. */
  let untold = "";
  const style = () => ({ paint: terminal.paint, width: terminal.width, now: terminal.now() });
  const draw = () => {
    if (isLive) terminal.redraw(stageText(stage, style()));
  };
  const change = (index: number, part: Partial<StageStep>) => {
    stage = { ...stage, steps: stage.steps.map((step, at) => (at === index ? { ...step, ...part } : step)) };
    draw();
  };
  if (!isLive) terminal.write(`${DEMO_TITLE}: ${DEMO_SUBTITLE}\n\n`);
  const timer = isLive ? setInterval(draw, REDRAW_MS) : null;

  return {
    async step(index, act) {
      const startedAt = terminal.now();
      change(index, { state: "running", startedAt });
      const finish = (state: "done" | "failed", detail: string) => {
        change(index, { state, detail, tookMs: terminal.now() - startedAt });
        const step = stage.steps[index];
        if (isLive || step === undefined) return;
        terminal.write(`${stepText(step, style())}\n`);
        if (untold !== "") terminal.write(`\n${untold.replace(/^/gm, "      ")}\n\n`);
        untold = "";
      };
      try {
        finish("done", await act((detail) => change(index, { detail })));
      } catch (error) {
        finish("failed", error instanceof Error ? error.message : String(error));
        throw error;
      }
    },
    clusters(clusters) {
      stage = { ...stage, clusters };
    },
    problem(problem) {
      stage = { ...stage, problem };
      draw();
      untold = printable(problem);
    },
    footer(footer) {
      stage = { ...stage, footer };
      draw();
      if (!isLive) terminal.write(`\n${clusterTable(stage.clusters, style())}\n${footer}\n`);
    },
    close() {
      if (timer !== null) clearInterval(timer);
      draw();
      terminal.drawn();
    },
  };
}
