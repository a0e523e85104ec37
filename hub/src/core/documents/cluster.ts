import { type ClusterRecord, clusterRecord } from "../cluster-record.ts";
import type { Noun } from "./noun.ts";

/** `clusters/<cluster id>`: written by enrolment, and by commands for labels. */
export const clusters: Noun<ClusterRecord> = { collection: "clusters", schema: clusterRecord };
