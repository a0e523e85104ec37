import type { Clock } from "@muster/shared/clock.ts";
import { AppError } from "@muster/shared/errors.ts";
import { type AppName, type ClusterId, formatApp } from "@muster/shared/model/ids.ts";
import type { ClusterRecord } from "../../core/cluster-record.ts";
import { decideApproval, noApproval, viewApproval } from "../../core/decide-approval.ts";
import { definitionKey, type StoredApp, type StoredDefinition, sourceOf } from "../../core/documents/definition.ts";
import { type Intent, targetRelease } from "../../core/documents/intent.ts";
import { splitOperation } from "../../core/documents/operation.ts";
import { API_OWNER } from "../../core/documents/owner.ts";
import { releaseKey } from "../../core/documents/release.ts";
import { changeLabels, labelConflict, type OwnedLabels } from "../../core/own-labels.ts";
import { resolveRelease, rollBack, unpin } from "../../core/rollback.ts";
import { shipRelease } from "../../core/ship-release.ts";
import { viewRelease } from "../../core/summarize-app.ts";
import type { ClusterIdentities } from "../../ports/enrolment.ts";
import type { Actor, HubCommands } from "../../ports/hub-commands.ts";
import type { RemovalBrake } from "../brake-removals.ts";
import { deleteAppAs, deleteDefinitionAs, isOwnerThere, refuseOtherOwner } from "../definitions/write-definition.ts";
import type { HubState } from "../hub-state.ts";
import type { Views } from "../views.ts";
import { applyDefinitions } from "./apply.ts";
import { type Claims, handOver } from "./hand-over.ts";
import { moveApp } from "./move-app.ts";
import { planRecovery } from "./recover.ts";
import { refuseUsedProject } from "./refuse-used-project.ts";
import { relabelCluster } from "./relabel-cluster.ts";

export interface CommandsDeps {
  readonly state: HubState;
  readonly identities: ClusterIdentities;
  readonly views: Views;
  /** Where people and agents reach the hub: `https://…`. */
  readonly hubAddress: () => string;
  readonly claims: Claims;
  readonly wakeSource: (source: AppName) => void;
  /** Ends the sessions of a cluster that was removed. */
  readonly brake: Pick<RemovalBrake, "preview">;
  readonly endSessions: (cluster: ClusterId, why: string) => void;
  readonly runOperation: (id: string) => void;
  /** Whether a Project that nobody defined is an error. */
  readonly requireProjects: boolean;
  readonly clock: Clock;
  readonly newId: () => string;
}

/** What people and programs may do. Each change is one durable write that carries its own audit entry. */
export function createCommands(deps: CommandsDeps): HubCommands {
  const { state, identities, views, clock } = deps;

  const decide = async (actor: Actor, id: string, as: "granted" | "denied", reason: string) => {
    const decided = await state.approvals.write(id, (current) =>
      current === null ? null : decideApproval(current, { as, actor, reason, now: clock.now() }),
    );
    if (decided === null) throw noApproval(id);
    return viewApproval(decided);
  };

  /** What belongs to another owner is that owner's to delete, for as long as it is there. */
  const refuseHeld = (stored: StoredDefinition): void => refuseOtherOwner(state, stored, API_OWNER, { takeOver: true });

  const deleteByApi = async (actor: Actor, stored: StoredDefinition | AppError): Promise<void> => {
    if (stored instanceof AppError) throw stored;
    refuseHeld(stored);
    await deleteDefinitionAs(deps, { actor }, definitionKey(stored.definition), stored.uid);
  };

  return {
    async registerCluster(actor, cluster) {
      const { record, token, expires } = await identities.register(actor, cluster);
      return {
        cluster: views.cluster(record),
        token,
        expires: new Date(expires).toISOString(),
        hubAddress: deps.hubAddress(),
        caHash: identities.caHash,
      };
    },

    async labelCluster(actor, name, change, { dryRun }) {
      const labelsOf = (current: OwnedLabels): OwnedLabels => {
        const { conflicts, ...labels } = changeLabels(current, API_OWNER, change, (owner) =>
          isOwnerThere(state, owner),
        );
        const [conflict] = conflicts;
        if (conflict !== undefined) throw labelConflict(name, conflict, API_OWNER);
        return labels;
      };
      const moved = await relabelCluster(deps, actor, requireCluster(state, name), labelsOf, { dryRun });
      if (moved.record === null) throw noCluster(name);
      const { gains, loses, deletes, waits } = moved;
      const told = { ...(deletes === undefined ? {} : { deletes }), ...(waits === null ? {} : { waits }) };
      return { ...views.cluster(moved.record), gains, loses, ...told, dryRun };
    },

    async removeCluster(actor, name) {
      const record = requireCluster(state, name);
      await identities.revoke(actor, record.id);
      deps.endSessions(record.id, `${name} was removed from this hub by ${actor.name}. What runs there keeps running.`);
    },

    apply: (actor, definitions, opts) => applyDefinitions(deps, actor, definitions, opts),

    deleteSource: (actor, source) => deleteByApi(actor, state.source(source) ?? noSource(source)),
    deleteAppSet: (actor, set) => deleteByApi(actor, state.appSet(set) ?? noAppSet(set)),

    async deleteProject(actor, name) {
      const stored = state.project(name);
      if (stored === null) throw noProject(name);
      refuseUsedProject(state, stored);
      await deleteByApi(actor, stored);
    },

    async deleteApp(actor, app) {
      const stored = requireApp(state, app);
      refuseHeld(stored);
      const clusters = [...state.entriesOf(stored.uid).keys()];
      const waits = deps.brake.preview(clusters.map((cluster) => ({ app: stored.uid, cluster, cause: "deletion" })));
      await deleteAppAs(deps, { actor }, stored);
      return { waits };
    },

    moveApp: (actor, request) =>
      moveApp({ ...deps, problemsOf: (name) => views.facts(name).renderProblems }, actor, request),

    handOver: (actor, request) => handOver(deps, actor, request),

    grantApproval: (actor, id, { reason }) => decide(actor, id, "granted", reason),
    denyApproval: (actor, id, { reason }) => decide(actor, id, "denied", reason),

    async rollback(actor, request) {
      const name: AppName = { project: request.project, name: request.app };
      const stored = requireApp(state, name);
      const intent = requireIntent(state, stored);
      const to = resolveRelease(request.to, intent, state.releasesOf(stored.uid));
      const from = targetRelease(intent);
      if (!request.dryRun) {
        const revision = newestRevision(state, stored);
        await state.intents.write(stored.uid, (current) => {
          if (current === null || current.deletion !== null) throw noApp(name);
          return rollBack(current, { to, reason: request.reason, actor, revision, now: clock.now() });
        });
        // The sweep may have been at it while it was chosen: from here on it spares it, so it must be there.
        await state.releases.write(releaseKey(stored.uid, to.number), (current) => current ?? to);
      }
      const clusters = [...state.clusters.values()]
        .filter(({ id }) => state.placements.wants(stored, id))
        .map((record) => record.name)
        .sort();
      return { app: formatApp(name), from, to: to.number, commit: to.input.commit, clusters, dryRun: request.dryRun };
    },

    async shipRelease(actor, app, number, { reason }) {
      const stored = requireApp(state, app);
      const shipped = await state.releases.write(releaseKey(stored.uid, number), (current) => {
        const newest = state.newestRelease(stored.uid)?.number ?? number;
        return current && shipRelease(current, { app, newest, reason, actor, now: clock.now() });
      });
      if (shipped !== null) return viewRelease(shipped);
      throw new AppError("not-found", `${formatApp(app)} has no Release r${number}.`, {
        fix: `See what there is: muster app history ${formatApp(app)}`,
      });
    },

    async unpin(actor, app, { reason }) {
      const stored = requireApp(state, app);
      requireIntent(state, stored);
      await state.intents.write(stored.uid, (current) => {
        if (current === null || current.deletion !== null) throw noApp(app);
        return unpin(current, { reason, actor, now: clock.now() });
      });
      return views.app(app);
    },

    async recover(actor, request) {
      if (request.app) requireApp(state, request.app);
      const { apps, recovered } = planRecovery(state, request);
      if (apps.length === 0) return { recovered: [] };
      const detail = `reassert ${recovered.length} placement(s) that are Ahead: ${request.reason}`.slice(0, 2_000);
      const ids: string[] = [];
      for (const part of splitOperation(apps)) {
        const id = deps.newId();
        const at = clock.now();
        const audit = [{ id: `operation.${id}`, at, actor, action: "Recover", subject: "fleet", detail }];
        await state.operations.write(id, () => ({
          id,
          kind: "recover",
          reason: request.reason,
          by: actor.name,
          at,
          apps: part,
          audit,
        }));
        ids.push(id);
      }
      for (const id of ids) deps.runOperation(id);
      return { recovered };
    },

    async wakeSource(source) {
      if (state.source(source) === null) throw noSource(source);
      deps.wakeSource(source);
    },
  };
}

/** Number of the newest Revision that was seen: a pin is met only by what comes after it. */
function newestRevision(state: HubState, app: StoredApp): number {
  const { project, name } = sourceOf(app);
  return state.sourceStatuses.get(`${project}/${name}`)?.revision?.number ?? 0;
}

function requireCluster(state: HubState, name: string): ClusterRecord {
  const record = state.clusterByName(name);
  if (record === null || record.revoked !== null) throw noCluster(name);
  return record;
}

function requireApp(state: HubState, name: AppName): StoredApp {
  const stored = state.app(name);
  if (stored === null) throw noApp(name);
  return stored;
}

function requireIntent(state: HubState, stored: StoredApp): Intent {
  const intent = state.intents.get(stored.uid);
  if (intent !== null && intent.deletion === null) return intent;
  const name = formatApp(stored.definition.metadata);
  throw new AppError("not-found", `${name} has no Release yet.`, { fix: `See why: muster why ${name}` });
}

const noCluster = (name: string): AppError =>
  new AppError("not-found", `There is no cluster ${name}.`, { fix: "See what there is: muster cluster list" });
const noApp = (name: AppName): AppError =>
  new AppError("not-found", `There is no App ${formatApp(name)}.`, { fix: "See what there is: muster status" });
const noAppSet = (name: AppName): AppError =>
  new AppError("not-found", `There is no AppSet ${formatApp(name)}.`, { fix: "See what there is: muster get appset" });
const noProject = (name: string): AppError =>
  new AppError("not-found", `There is no Project ${name}.`, { fix: "See what there is: muster get project" });
const noSource = (name: AppName): AppError =>
  new AppError("not-found", `There is no Source ${formatApp(name)}.`, { fix: "See what there is: muster get source" });
