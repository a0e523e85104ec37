import type { Problem } from "@muster/shared/model/problem.ts";

/** The same problems, told with where they are: the repository, the commit, and the App's directory where no file is named. */
export function locateProblems(
  problems: readonly Problem[],
  at: { readonly app: string; readonly repository: string; readonly commit: string; readonly path: string },
): readonly Problem[] {
  return problems.map((problem) => {
    const told = tellOfApp(problem, at);
    return {
      ...told,
      where: { repository: at.repository, commit: at.commit, path: at.path, ...told.where },
    };
  });
}

/** A renderer knows neither of which App this is, nor what stays. */
function tellOfApp(problem: Problem, { app, path }: { app: string; path: string }): Problem {
  if (problem.code === "NothingRendered") {
    return {
      ...problem,
      message: `"${path}" holds no Kubernetes object. Nothing is deleted: what ran goes on running.`,
      fix: `To remove its objects from the clusters, delete the App: muster delete app ${app}`,
    };
  }
  if (problem.code === "PathNotFound" && (problem.where.path ?? path) === path) {
    return {
      ...problem,
      message: `There is no directory "${path}" in this commit. Nothing is deleted: what ran goes on running.`,
      fix: `Correct spec.source.path of ${app}; to remove its objects from the clusters, delete the App: muster delete app ${app}`,
    };
  }
  return problem;
}
