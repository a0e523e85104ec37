/** What the flows count. Each is one line of `/metrics`; the adapter gives names and help texts. */
export type HubCounter =
  | "fetches"
  | "fetch-failures"
  | "renders"
  | "render-refusals"
  | "renders-memoised"
  | "releases"
  | "assignments-sent"
  | "reports"
  | "reports-unknown"
  | "sessions-refused"
  | "ahead-found"
  | "proofs-ignored"
  | "audit-entries"
  | "work-failures";

/** The arrows of the flow inside the hub, in order: where the time goes. */
export const HUB_ARROWS = ["fetch", "compare", "render", "store", "intend", "assign", "publish", "ingest"] as const;
export type HubArrow = (typeof HUB_ARROWS)[number];

export interface HubMetrics {
  count(counter: HubCounter, by?: number): void;
  /** Time that one passage of an arrow took, milliseconds. */
  took(arrow: HubArrow, ms: number): void;
  sessions(open: number): void;
}

export const noMetrics: HubMetrics = { count() {}, took() {}, sessions() {} };
