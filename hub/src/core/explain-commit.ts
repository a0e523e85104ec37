import { formatApp } from "@muster/shared/model/ids.ts";
import type { AppFacts } from "./app-facts.ts";
import { targetRelease } from "./documents/intent.ts";
import type { ReportDetail } from "./documents/observed.ts";
import type { Release } from "./documents/release.ts";
import { explain } from "./explain.ts";
import { placed } from "./first-cause.ts";
import { whatStays } from "./summarize-app.ts";
import type { WhyView } from "./views.ts";

/** Where one commit stands in the history of a Source, and between an App's Releases. */
export interface CommitFacts {
  /** As it was asked for: the beginning of a commit's id. */
  readonly asked: string;
  /** Of the Source that it is in; of the App's own where it is in none. */
  readonly source: {
    readonly title: string;
    readonly url: string;
    /** `main`, or another ref in words. */
    readonly ref: string;
    readonly head: string | null;
    readonly lastChecked: number | null;
    /** Why its last fetch brought nothing. */
    readonly problem: { readonly message: string; readonly fix: string | null } | null;
  };
  readonly place: /** In nothing that was fetched. */
    | { readonly kind: "unknown" }
    /** Fetched, and no part of what the Source follows. `wasHead`: it was, before the history was rewritten. */
    | { readonly kind: "elsewhere"; readonly commit: string; readonly wasHead: boolean }
    /** Itself or what is on top of it is signed by nobody who is trusted. */
    | {
        readonly kind: "held";
        readonly commit: string;
        readonly by: string;
        readonly reason: string;
        readonly fix: string | null;
      }
    | ({ readonly kind: "followed" } & FollowedCommit);
}

/** A commit in the history of what the Source follows. */
export interface FollowedCommit {
  readonly commit: string;
  /** Whether it differs from its parent in anything that the App reads; null: it cannot be told. */
  readonly changesWhatIsRead: boolean | null;
  /** Releases that were made from this very commit, in order. */
  readonly made: readonly Release[];
  /** The first Release from a commit that has this one in its history. */
  readonly after: Release | null;
  /** The Release that the head renders the same as; null: it was not rendered yet, or not without problems. */
  readonly headSameAs: number | null;
}

type Told = Pick<WhyView, "reason" | "message" | "next">;

/**
 * What became of a commit, by the first rule that stops it on its way to the clusters; where nothing does, how they
 * are. Sentences for people, and a stable reason for scripts. `detail` as in `explain`.
 */
export function explainCommit(
  facts: AppFacts,
  commit: CommitFacts,
  { cluster, detail }: { cluster: string | null; detail: ReportDetail | null },
): WhyView {
  const where = explain(commit.place.kind === "held" ? withoutHold(facts) : facts, cluster, detail);
  const told = tell(facts, commit, where);
  return { app: formatApp(facts.name), cluster, ...told };
}

function tell(facts: AppFacts, { asked, source, place }: CommitFacts, where: WhyView): Told {
  const app = formatApp(facts.name);
  switch (place.kind) {
    case "unknown": {
      const problem = source.problem === null ? "" : ` ${source.problem.message}`;
      const text = `${asked} is not in what was fetched of ${source.url}: ${headText(source)}.${problem}`;
      const next = `Was it pushed to ${source.ref}? It is looked for at each poll and webhook: muster get source ${source.title}`;
      return { reason: "NotSeenYet", message: text, next: source.problem?.fix ?? next };
    }
    case "held": {
      const on = place.by === place.commit ? "" : ` with ${short(place.by)} on top of it`;
      const held = `${short(place.commit)} is held${on}: ${place.reason}`;
      const next = place.fix ?? source.problem?.fix ?? `muster get source ${source.title}`;
      return { reason: "HeldUnverified", message: `${held} ${where.message}`, next };
    }
    case "elsewhere": {
      const lost = `${short(place.commit)} was the head of ${source.ref}, and is no longer in its history: ${headText(source)}.`;
      if (place.wasHead) return { reason: "Superseded", message: `${lost} ${where.message}`, next: where.next };
      const text = `${short(place.commit)} is no part of ${source.ref}: ${headText(source)}.`;
      return { reason: "NotSeenYet", message: text, next: `Merge it, or change the ref of ${source.title}.` };
    }
    case "followed": {
      if (where.reason === "NotSelected" || where.reason === "NotInProject") {
        return { ...where, message: `${short(place.commit)} does not reach ${where.cluster}: ${where.message}` };
      }
      return tellFollowed(facts, place, { source, where, app });
    }
  }
}

function tellFollowed(
  facts: AppFacts,
  { commit, changesWhatIsRead, made, after, headSameAs }: FollowedCommit,
  { source, where, app }: { source: CommitFacts["source"]; where: WhyView; app: string },
): Told {
  const id = short(commit);
  const target = facts.intent === null ? null : targetRelease(facts.intent);
  const release = made.find(({ number }) => number === target) ?? made.findLast(({ held }) => !held) ?? made.at(-1);
  const isPast = release !== undefined && target !== null && release.number < target;
  if (isPast && facts.intent?.pin == null) {
    return {
      reason: "Superseded",
      message: `${id} was r${release.number} of ${app}, and r${target} took its place. ${where.message}`,
      next: where.next,
    };
  }
  if (release !== undefined) return { ...where, message: `${id} is r${release.number} of ${app}. ${where.message}` };
  if (changesWhatIsRead === false) {
    const message = `${id} changes nothing that ${app} reads. ${where.message}`;
    return { reason: "OutsidePath", message, next: where.next };
  }
  if (after !== null) {
    const first = `r${after.number} (${short(after.input.commit)} ${after.input.subject}) is the first with it in its history`;
    const message = `${id} has no Release of ${app} of its own: ${first}. ${where.message}`;
    return { reason: "Superseded", message, next: where.next };
  }
  const isHead = commit === source.head;
  const upTo = isHead ? "" : ` up to ${short(source.head ?? "")}, the head of ${source.ref},`;
  const [problem] = facts.renderProblems;
  if (problem !== undefined) {
    const message = `${id}${upTo} is not rendered: ${placed(problem)}`;
    const stays = message.includes(whatStays(facts)) ? "" : ` ${whatStays(facts)}`;
    const next = problem.fix ?? "Fix the file and push; nothing else is needed.";
    return { reason: "RenderRefused", message: `${message}${stays}`, next };
  }
  if (headSameAs === null) {
    return { reason: "NoRelease", message: `${id}${upTo} is seen, and being rendered. ${where.message}`, next: null };
  }
  const same = `${id}${upTo} renders the same as r${headSameAs} of ${app}.`;
  return { reason: "RendersSame", message: `${same} ${where.message}`, next: where.next };
}

/** How the App is, without saying of its Source what is said of the very commit. */
function withoutHold(facts: AppFacts): AppFacts {
  if (facts.source === null) return facts;
  const problems = facts.source.problems.filter(({ code }) => code !== "CommitHeld");
  return { ...facts, source: { ...facts.source, held: null, problems } };
}

const short = (commit: string): string => commit.slice(0, 7);

function headText({ ref, head, lastChecked }: CommitFacts["source"]): string {
  const at = lastChecked === null ? "nothing was fetched yet" : `looked at ${new Date(lastChecked).toISOString()}`;
  return head === null ? `${ref} has no verified commit here (${at})` : `${ref} is at ${short(head)} (${at})`;
}
