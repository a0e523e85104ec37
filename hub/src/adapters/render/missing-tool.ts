import type { Problem } from "@muster/shared/model/problem.ts";
import type { Renderer, RendererKind } from "../../ports/renderer.ts";

/** In the place of a tool that this machine does not have: the hub works, and Apps that need it say what is missing. */
export function missingTool(kind: RendererKind, { name, install }: { name: string; install: string }): Renderer {
  const problem = (path: string): Problem => ({
    code: "RendererMissing",
    message: `this App is rendered by ${name}, and the hub has found no ${name}.`,
    where: { path },
    fix: `Install ${install} where the hub runs (on its PATH, or named by --${name}), and start the hub again.`,
  });
  return {
    kind,
    version: `${name} missing`,
    isolation: `nothing is run: ${name} is not installed`,
    prepare: () => {},
    trace: async ({ path }) => ({ kind: "invalid", problems: [problem(path)] }),
    render: async ({ request }) => ({ kind: "invalid", problems: [problem(request.path)] }),
    close: async () => {},
  };
}
