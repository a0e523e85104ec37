// Generated from docs/reference/openapi.json by `npm run openapi`; do not edit.

export interface paths {
    "/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The process answers */
        get: operations["healthz"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/hooks/{project}/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Wake a Source's poll; signed as GitHub, GitLab, Gitea, Forgejo, Bitbucket or Standard Webhooks do it */
        post: operations["receiveHook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Prometheus text */
        get: operations["metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The hub can serve; otherwise what it waits for */
        get: operations["readyz"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/apply": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Create or change definitions; says which clusters gain or lose an App by it */
        post: operations["apply"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/approvals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What waits for a person, and what was decided lately; newest first */
        get: operations["listApprovals"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/approvals/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One approval */
        get: operations["getApproval"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/approvals/{id}/deny": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Leave what the approval names as it is, until its App's definition changes */
        post: operations["denyApproval"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/approvals/{id}/grant": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Let go exactly what the approval names */
        post: operations["grantApproval"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/apps": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The Apps of every project */
        get: operations["listAllApps"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/appsets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The AppSets of every project */
        get: operations["listAllAppSets"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/clusters": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Every registered cluster */
        get: operations["listClusters"];
        put?: never;
        /**
         * Register a cluster, or make a new join token for one that is registered
         * @description The token is shown once, works once, and for an hour.
         */
        post: operations["registerCluster"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/clusters/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One cluster */
        get: operations["getCluster"];
        put?: never;
        post?: never;
        /** Revoke a cluster's identity and forget it; what runs there keeps running */
        delete: operations["removeCluster"];
        options?: never;
        head?: never;
        /** Set and remove labels, and say which Apps move by it */
        patch: operations["labelCluster"];
        trace?: never;
    };
    "/v1/definitions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Definitions as they are stored, defaults filled in */
        get: operations["listDefinitions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Server-sent: `changed` whenever /v1/status would answer something new
         * @description Read /v1/status after each `changed`, the first of which comes at once. Comments keep it alive.
         */
        get: operations["watchEvents"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/handovers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Give a definition, or a cluster's labels, another owner: the API, a Source or an AppSet */
        post: operations["handOver"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/join": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** An agent joins with a one-time token, which it proves without sending it */
        post: operations["join"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Every Project that is defined */
        get: operations["listProjects"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Delete a Project that holds nothing any more */
        delete: operations["deleteProject"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{project}/apps": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The Apps of one project */
        get: operations["listApps"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{project}/apps/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One App, with where it stands in each of its clusters */
        get: operations["getApp"];
        put?: never;
        post?: never;
        /** Send every cluster a tombstone; the App is gone when each has confirmed */
        delete: operations["deleteApp"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{project}/apps/{name}/move": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Give the App another name; its objects stay and are handed over. Safe to repeat */
        post: operations["moveApp"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{project}/apps/{name}/pin": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /** Lift the pin: the App follows Git again */
        delete: operations["unpinApp"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{project}/apps/{name}/placements/{cluster}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The details of one App in one cluster: objects, drift, problems */
        get: operations["getPlacement"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{project}/apps/{name}/releases": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The App's Releases, newest first */
        get: operations["listReleases"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{project}/apps/{name}/releases/{number}/ship": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Let a held Release go, which nothing but a renderer of another version made */
        post: operations["shipRelease"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{project}/apps/{name}/releases/{release}/bundle": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What a Release holds for a cluster, as agents get it: canonical JSON, one object a line, in zstd
         * @description `release` is a number, or `current`: what is assigned to the cluster now. Where clusters get different bundles, one must be named. The headers muster-release, muster-digest and muster-namespace (of objects that name none) tell what it is.
         */
        get: operations["getBundle"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{project}/apps/{name}/trace": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** When the last few Revisions passed each arrow on their way to the clusters and back */
        get: operations["traceApp"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{project}/apps/{name}/why": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Why the App is as it is, over all or in one cluster; with a commit, what became of that */
        get: operations["whyApp"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{project}/appsets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The AppSets of one project */
        get: operations["listAppSets"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{project}/appsets/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One AppSet: how many Apps it keeps, and what is wrong */
        get: operations["getAppSet"];
        put?: never;
        post?: never;
        /** Delete an AppSet and its Apps; each App is gone when every cluster has confirmed its tombstone */
        delete: operations["deleteAppSet"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{project}/sources": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The Sources of one project */
        get: operations["listSources"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{project}/sources/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One Source: its Revision, when it was looked at, and what is wrong with it */
        get: operations["getSource"];
        put?: never;
        post?: never;
        /** Stop tracking a repository. Its Apps stay where they are */
        delete: operations["deleteSource"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/projects/{project}/sources/{name}/refresh": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Look at the repository now instead of at the next poll */
        post: operations["refreshSource"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/recoveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take charge again of clusters that are ahead of what this hub remembers */
        post: operations["recover"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/renew": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** An agent renews its certificate, signed with its own key */
        post: operations["renew"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/rollbacks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Take an App back to an earlier Release, and pin it there */
        post: operations["rollback"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/schema/{file}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** JSON Schema of a kind of definition, for editors: app.json; definition.json is of all kinds */
        get: operations["getSchema"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/sources": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The Sources of every project */
        get: operations["listAllSources"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The whole fleet at a glance */
        get: operations["getStatus"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        App: {
            deleting: boolean;
            firstCause?: {
                clusters: string[];
                count: number;
                message: string;
            };
            name: string;
            notices?: components["schemas"]["Problem"][];
            path: string;
            pin: components["schemas"]["Pin"] | null;
            problems: components["schemas"]["Problem"][];
            project: string;
            release: components["schemas"]["Release"] | null;
            source: string;
            state: string;
            summary: {
                ahead: number;
                atTarget: number;
                clusters: number;
                drift: number;
                failed: number;
                healthy: number;
                offline: number;
            };
            target?: components["schemas"]["Release"] | null;
            uid: string;
        };
        AppDetail: {
            deleting: boolean;
            firstCause?: {
                clusters: string[];
                count: number;
                message: string;
            };
            name: string;
            notices?: components["schemas"]["Problem"][];
            path: string;
            pin: components["schemas"]["Pin"] | null;
            placements: components["schemas"]["Placement"][];
            problems: components["schemas"]["Problem"][];
            project: string;
            release: components["schemas"]["Release"] | null;
            source: string;
            state: string;
            summary: {
                ahead: number;
                atTarget: number;
                clusters: number;
                drift: number;
                failed: number;
                healthy: number;
                offline: number;
            };
            target?: components["schemas"]["Release"] | null;
            uid: string;
        };
        ApplyRequestInput: {
            definitions: unknown[];
            /** @default false */
            dryRun: boolean;
            takeOver?: boolean;
        };
        ApplyResult: {
            dryRun: boolean;
            results: {
                deletes?: boolean;
                gains: string[];
                kind: string;
                loses: string[];
                name: string;
                /** @enum {string} */
                outcome: "created" | "changed" | "unchanged";
            }[];
            waits?: string;
            warnings?: string[];
        };
        Approval: {
            apps: {
                app: string;
                clusters: string[];
                objects: number;
                pairs: number;
            }[];
            askedBy: string | null;
            closed: {
                /** Format: date-time */
                at: string;
                reason: string;
            } | null;
            /** Format: date-time */
            created: string;
            decided: {
                /** Format: date-time */
                at: string;
                by: string;
                reason: string;
            } | null;
            id: string;
            /** @enum {string} */
            kind: "removal" | "prune" | "agent";
            objects: number;
            pairs: number;
            /** @enum {string} */
            state: "pending" | "granted" | "denied" | "withdrawn" | "used";
            what: string;
            why: string;
        };
        AppSet: {
            apps: number;
            deleting: boolean;
            generator: string;
            name: string;
            owner: string;
            problems: components["schemas"]["Problem"][];
            project: string;
        };
        Cluster: {
            agentVersion: string | null;
            apps: {
                ahead: number;
                failed: number;
                healthy: number;
                synced: number;
                total: number;
            };
            certificateExpires: string | null;
            clockSkewMs: number | null;
            id: string;
            kubernetesVersion: string | null;
            labels: {
                [key: string]: string;
            };
            lastSeen: string | null;
            name: string;
            /** Format: date-time */
            registered: string;
            /** @enum {string} */
            state: "Registered" | "Connected" | "Disconnected" | "Revoked";
        };
        ClusterSelector: {
            /** @constant */
            all?: true;
            exclude?: {
                matchLabels?: {
                    [key: string]: string;
                };
                names?: string[];
            };
            matchExpressions?: {
                key: string;
                /** @enum {string} */
                operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
                values?: string[];
            }[];
            matchLabels?: {
                [key: string]: string;
            };
            names?: string[];
        };
        ClusterSelectorInput: {
            /** @constant */
            all?: true;
            exclude?: {
                matchLabels?: {
                    [key: string]: string;
                };
                names?: string[];
            };
            matchExpressions?: {
                key: string;
                /** @enum {string} */
                operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
                values?: string[];
            }[];
            matchLabels?: {
                [key: string]: string;
            };
            names?: string[];
        };
        Definition: {
            /** @constant */
            apiVersion: "muster.dev/v1alpha1";
            /** @constant */
            kind: "Source";
            metadata: {
                labels?: {
                    [key: string]: string;
                };
                name: string;
                /** @default default */
                project: string;
            };
            spec: {
                definitions?: {
                    /** @default false */
                    fleet: boolean;
                    path: string;
                };
                git?: {
                    credentials?: string;
                    /** @default false */
                    lfs: boolean;
                    /**
                     * @default {
                     *       "branch": "main"
                     *     }
                     */
                    ref: {
                        branch?: string;
                        commit?: string;
                        semver?: string;
                        tag?: string;
                    };
                    /** @default false */
                    submodules: boolean;
                    url: string;
                    verify?: {
                        signers: string[];
                    };
                };
                oci?: {
                    credentials?: string;
                    /**
                     * @default {
                     *       "tag": "latest"
                     *     }
                     */
                    ref: {
                        digest?: string;
                        semver?: string;
                        tag?: string;
                    };
                    url: string & (unknown & unknown);
                };
                /** @default 1m */
                poll: string;
            };
        } | {
            /** @constant */
            apiVersion: "muster.dev/v1alpha1";
            /** @constant */
            kind: "App";
            metadata: {
                labels?: {
                    [key: string]: string;
                };
                name: string;
                /** @default default */
                project: string;
            };
            spec: {
                clusters: components["schemas"]["ClusterSelector"];
                destination: {
                    /** @default false */
                    createNamespace: boolean;
                    /** @default default */
                    namespace: string;
                };
                onUnplaced: {
                    /**
                     * @default delete
                     * @enum {string}
                     */
                    action: "delete" | "keep";
                    /** @default 10m */
                    grace: string;
                };
                /** @default [] */
                overrides: {
                    clusters: components["schemas"]["ClusterSelector"];
                    helm?: {
                        releaseName?: string;
                        /** @default {} */
                        set: {
                            [key: string]: unknown;
                        };
                        /** @default [] */
                        values: (string | {
                            /** @default false */
                            optional: boolean;
                            path: string;
                            source?: string;
                        })[];
                        /** @default {} */
                        valuesObject: {
                            [key: string]: unknown;
                        };
                    };
                    images?: {
                        digest?: string;
                        name: string;
                        newName?: string;
                        newTag?: string;
                    }[];
                    namePrefix?: string;
                    namespace?: string;
                    patches?: {
                        json6902?: {
                            from?: string;
                            /** @enum {string} */
                            op: "add" | "remove" | "replace" | "move" | "copy" | "test";
                            path: string;
                            value?: unknown;
                        }[];
                        merge?: {
                            [key: string]: unknown;
                        };
                        target?: {
                            annotationSelector?: string;
                            group?: string;
                            kind?: string;
                            labelSelector?: string;
                            name?: string;
                            namespace?: string;
                            version?: string;
                        };
                    }[];
                    path?: string;
                    replicas?: {
                        count: number;
                        kind?: string;
                        name: string;
                    }[];
                    vars?: {
                        [key: string]: string;
                    };
                }[];
                releaseHistoryLimit?: number;
                render: {
                    capabilities: {
                        /** @default [] */
                        apiVersions: string[];
                        kubernetes?: string;
                        /** @default false */
                        live: boolean;
                    };
                    helm?: {
                        chart?: {
                            credentials?: string;
                            name: string;
                            repository: string & (unknown & unknown);
                            version: string;
                        };
                        /** @default true */
                        includeCrds: boolean;
                        releaseName?: string;
                        /** @default {} */
                        set: {
                            [key: string]: unknown;
                        };
                        /** @default [] */
                        values: (string | {
                            /** @default false */
                            optional: boolean;
                            path: string;
                            source?: string;
                        })[];
                        /** @default {} */
                        valuesObject: {
                            [key: string]: unknown;
                        };
                    };
                    kustomize?: Record<string, never>;
                    plain?: {
                        /** @default [] */
                        exclude: string[];
                        /** @default [] */
                        include: string[];
                        /** @default true */
                        recurse: boolean;
                    };
                };
                source: {
                    name: string;
                    /** @default . */
                    path: string;
                };
                /** @default false */
                substitute: boolean;
                sync: {
                    /**
                     * @default none
                     * @enum {string}
                     */
                    adopt: "none" | "all";
                    /**
                     * @default heal
                     * @enum {string}
                     */
                    drift: "heal" | "warn" | "off";
                    /** @default true */
                    prune: boolean;
                };
                /** @default [] */
                takesOverFrom: string[];
                /** @default {} */
                vars: {
                    [key: string]: string;
                };
            };
        } | {
            /** @constant */
            apiVersion: "muster.dev/v1alpha1";
            /** @constant */
            kind: "AppSet";
            metadata: {
                labels?: {
                    [key: string]: string;
                };
                name: string;
                /** @default default */
                project: string;
            };
            spec: {
                generator: {
                    clusterLabel?: {
                        key: string;
                    };
                    directories?: {
                        /** @default [] */
                        exclude: string[];
                        path: string;
                        source: string;
                    };
                    files?: {
                        /** @default [] */
                        exclude: string[];
                        path: string;
                        source: string;
                    };
                };
                template: {
                    metadata: {
                        labels?: {
                            [key: string]: string;
                        };
                        name: string;
                    };
                    spec: {
                        [key: string]: unknown;
                    };
                };
            };
        } | {
            /** @constant */
            apiVersion: "muster.dev/v1alpha1";
            /** @constant */
            kind: "Project";
            metadata: {
                labels?: {
                    [key: string]: string;
                };
                name: string;
            };
            spec: {
                /**
                 * @default {
                 *       "all": true
                 *     }
                 */
                clusters: components["schemas"]["ClusterSelector"];
                /**
                 * @default [
                 *       "*"
                 *     ]
                 */
                credentials: string[];
                kinds: {
                    /** @default [] */
                    cluster: string[];
                    /**
                     * @default [
                     *       "*"
                     *     ]
                     */
                    namespaced: string[];
                };
                /**
                 * @default [
                 *       "*"
                 *     ]
                 */
                namespaces: string[];
                quota: {
                    apps?: number;
                    bundleBytes?: number;
                    objects?: number;
                    renderSeconds?: number;
                };
                /** @default [] */
                remoteBases: string[];
                /**
                 * @default [
                 *       "**"
                 *     ]
                 */
                repositories: string[];
                serviceAccount?: string;
                /** @default false */
                suspended: boolean;
            };
        } | {
            /** @constant */
            apiVersion: "muster.dev/v1alpha1";
            /** @constant */
            kind: "Cluster";
            metadata: {
                labels?: {
                    [key: string]: string;
                };
                name: string;
            };
            spec: {
                /** @default false */
                cordon: boolean;
            };
        };
        EnrolmentAnswer: {
            payload: string;
            root: string;
            signature: string;
        };
        HandOver: {
            from: string;
            to: string;
            what: string;
        };
        HandOverRequestInput: {
            /** @enum {string} */
            kind: "App" | "Source" | "AppSet" | "Project" | "Cluster";
            name: string;
            /** @default default */
            project: string;
            to: "api" | {
                source: string;
            } | {
                appSet: string;
            };
        };
        JoinRequestInput: {
            agentTime: number;
            caHash: string;
            clusterUid: string;
            csr: string;
            mac: string;
            nonce: string;
            tokenId: string;
            /** @constant */
            version: 1;
        };
        LabelResult: {
            agentVersion: string | null;
            apps: {
                ahead: number;
                failed: number;
                healthy: number;
                synced: number;
                total: number;
            };
            certificateExpires: string | null;
            clockSkewMs: number | null;
            deletes?: boolean;
            dryRun: boolean;
            gains: string[];
            id: string;
            kubernetesVersion: string | null;
            labels: {
                [key: string]: string;
            };
            lastSeen: string | null;
            loses: string[];
            name: string;
            /** Format: date-time */
            registered: string;
            /** @enum {string} */
            state: "Registered" | "Connected" | "Disconnected" | "Revoked";
            waits?: string;
        };
        Pin: {
            by: string;
            reason: string;
            release: number;
            /** Format: date-time */
            since: string;
        };
        Placement: {
            assigned: {
                digest: string;
                generation: number;
                release: number;
                /** Format: date-time */
                since: string;
            } | null;
            cluster: string;
            /** @enum {string} */
            clusterState: "Registered" | "Connected" | "Disconnected" | "Revoked";
            isAhead: boolean;
            observed: {
                /** Format: date-time */
                at: string;
                digest: string | null;
                drift: number;
                generation: number;
                /** @enum {string} */
                health: "Healthy" | "Progressing" | "Degraded" | "Suspended" | "Missing" | "Unknown";
                message: string;
                objects: number;
                /** @enum {string} */
                phase: "Pending" | "Applying" | "Pruning" | "Applied" | "Failed" | "Refused" | "Removed";
                /** @enum {string} */
                sync: "Synced" | "OutOfSync" | "Unknown";
            } | null;
            removing: boolean;
        };
        PlacementDetail: {
            assigned: {
                digest: string;
                generation: number;
                release: number;
                /** Format: date-time */
                since: string;
            } | null;
            cluster: string;
            /** @enum {string} */
            clusterState: "Registered" | "Connected" | "Disconnected" | "Revoked";
            drift: {
                at: number;
                expected: string;
                field: string;
                found: string;
                healedAt: number | null;
                manager?: string;
                object: {
                    apiVersion: string;
                    kind: string;
                    name: string;
                    /** @default  */
                    namespace: string;
                };
            }[];
            isAhead: boolean;
            objects: {
                /** @enum {string} */
                health: "Healthy" | "Progressing" | "Degraded" | "Suspended" | "Missing" | "Unknown";
                /** @default  */
                message: string;
                ref: {
                    apiVersion: string;
                    kind: string;
                    name: string;
                    /** @default  */
                    namespace: string;
                };
                /** @enum {string} */
                sync: "Synced" | "OutOfSync" | "Unknown";
            }[];
            observed: {
                /** Format: date-time */
                at: string;
                digest: string | null;
                drift: number;
                generation: number;
                /** @enum {string} */
                health: "Healthy" | "Progressing" | "Degraded" | "Suspended" | "Missing" | "Unknown";
                message: string;
                objects: number;
                /** @enum {string} */
                phase: "Pending" | "Applying" | "Pruning" | "Applied" | "Failed" | "Refused" | "Removed";
                /** @enum {string} */
                sync: "Synced" | "OutOfSync" | "Unknown";
            } | null;
            problems: components["schemas"]["Problem"][];
            removing: boolean;
        };
        Problem: {
            /** @enum {string} */
            code: "InvalidYaml" | "InvalidObject" | "KindMissing" | "NameMissing" | "DuplicateObject" | "TooManyAliases" | "FileTooLarge" | "BundleTooLarge" | "TooManyObjects" | "NothingRendered" | "PathNotFound" | "UnknownField" | "InvalidField" | "UnknownVariable" | "InvalidSubstitution" | "PatchFailed" | "SymlinkRefused" | "SubmoduleRefused" | "RenderFailed" | "ChartUnavailable" | "ChartKept" | "RenderTimeout" | "RenderMemory" | "OutputTooLarge" | "RendererMissing" | "PathOutside" | "RemoteRefused" | "PluginRefused" | "DependencyMissing" | "NotReproducible" | "DefinitionInvalid" | "DefinitionForbidden" | "DefinitionsMissing" | "DefinitionKept" | "ClusterNotRegistered" | "OwnerConflict" | "NothingMatched" | "RepositoryUnreachable" | "CredentialsRefused" | "RefNotFound" | "HistoryRewritten" | "CommitHeld" | "AddressForbidden" | "SourceNotFound" | "NoRevision" | "ProjectForbids" | "ProjectSuspended" | "ProjectMissing" | "QuotaExceeded" | "ApplyRefused" | "Forbidden" | "Conflict" | "ImmutableField" | "KindUnknown" | "NotOwned" | "RemovalNeedsApproval" | "ClusterUnavailable" | "NamespaceMissing" | "Timeout" | "SignatureInvalid" | "KeyUnknown" | "GenerationOlder" | "GenerationForked" | "EpochUnknown" | "WrongCluster" | "WrongHub" | "DigestMismatch" | "CapabilityMissing" | "MessageInvalid" | "Internal";
            fix?: string;
            message: string;
            /** @default {} */
            where: {
                cluster?: string;
                commit?: string;
                document?: number;
                field?: string;
                line?: number;
                object?: {
                    apiVersion: string;
                    kind: string;
                    name: string;
                    /** @default  */
                    namespace: string;
                };
                path?: string;
                repository?: string;
            };
        };
        ProblemBody: {
            code: string;
            detail: string;
            field?: string;
            fix?: string;
            requestId?: string;
            status: number;
            title: string;
            /** @constant */
            type: "about:blank";
        };
        Project: {
            apps: number;
            appSets: number;
            name: string;
            owner: string;
            sources: number;
            suspended: boolean;
        };
        RecoverRequestInput: {
            app?: {
                name: string;
                project: string;
            };
            clusters?: components["schemas"]["ClusterSelectorInput"];
            /**
             * @default reassert
             * @constant
             */
            mode: "reassert";
            reason: string;
        };
        Registration: {
            caHash: string;
            cluster: components["schemas"]["Cluster"];
            /** Format: date-time */
            expires: string;
            hubAddress: string;
            token: string;
        };
        Release: {
            bytes: number | null;
            cause: {
                detail: string;
                /** @enum {string} */
                kind: "commit" | "definition" | "chart" | "capability" | "cluster" | "renderer";
            };
            commit: string;
            /** Format: date-time */
            created: string;
            digest: string | null;
            held: boolean;
            number: number;
            objects: number | null;
            subject: string;
            variants: number;
        };
        RenewRequestInput: {
            agentTime: number;
            caHash: string;
            clusterId: string;
            clusterUid: string;
            csr: string;
            hubId: string;
            nonce: string;
            signature: string;
            /** @constant */
            version: 1;
        };
        Rollback: {
            app: string;
            clusters: string[];
            commit: string;
            dryRun: boolean;
            from: number | null;
            to: number;
        };
        RollbackRequestInput: {
            app: string;
            /** @default false */
            dryRun: boolean;
            project: string;
            reason: string;
            to: string;
        };
        Source: {
            branch: string;
            definitions?: {
                commit: string | null;
                documents: number;
                fleet: boolean;
                path: string;
                problems: components["schemas"]["Problem"][];
            } | null;
            held: {
                author: string;
                commit: string;
                reason: string;
                /** Format: date-time */
                since: string;
                subject: string;
            } | null;
            lastChecked: string | null;
            name: string;
            problems: components["schemas"]["Problem"][];
            project: string;
            revision: {
                author: string;
                commit: string;
                /** Format: date-time */
                committedAt: string;
                /** Format: date-time */
                seen: string;
                subject: string;
            } | null;
            /** @enum {string} */
            state: "Pending" | "Ready" | "Held" | "Failing";
            tag: string | null;
            url: string;
        };
        Status: {
            apps: components["schemas"]["App"][];
            clusters: components["schemas"]["Cluster"][];
            hub: {
                epoch: number;
                id: string;
                /** Format: date-time */
                started: string;
                version: string;
            };
            sources: components["schemas"]["Source"][];
        };
        Trace: {
            at: {
                assigned?: number;
                compared?: number;
                fetched?: number;
                intended?: number;
                released?: number;
                rendered?: number;
                woken?: number;
            };
            clusters: {
                [key: string]: {
                    applied?: number;
                    healthy?: number;
                    sent?: number;
                };
            };
            commit: string;
            release: number | null;
        };
        Why: {
            app: string;
            cluster: string | null;
            message: string;
            next: string | null;
            /** @enum {string} */
            reason: "Running" | "Applying" | "Failing" | "NotSelected" | "NotInProject" | "NoRelease" | "SourceFailing" | "RenderFailing" | "Pinned" | "ClusterOffline" | "ClusterNotJoined" | "NotYetReported" | "Ahead" | "Removing" | "RemovalInGrace" | "RemovalWaits" | "RemovalDenied" | "RemovalNeedsApproval" | "Refused" | "NotSeenYet" | "HeldUnverified" | "OutsidePath" | "RendersSame" | "RenderRefused" | "Superseded";
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    healthz: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @enum {string} */
                        status: "ok";
                    };
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    receiveHook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description metrics */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    readyz: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        ready: boolean;
                        waitingFor: string[];
                    };
                };
            };
            /** @description Default Response */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        ready: boolean;
                        waitingFor: string[];
                    };
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    apply: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ApplyRequestInput"];
            };
        };
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ApplyResult"];
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    listApprovals: {
        parameters: {
            query?: {
                state?: "pending" | "granted" | "denied" | "withdrawn" | "used";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Approval"][];
                    };
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    getApproval: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Approval"];
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    denyApproval: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @default no reason given */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Approval"];
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    grantApproval: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @default no reason given */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Approval"];
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    listAllApps: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["App"][];
                    };
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    listAllAppSets: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["AppSet"][];
                    };
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    listClusters: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Cluster"][];
                    };
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    registerCluster: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @default {} */
                    labels?: {
                        [key: string]: string;
                    };
                    name: string;
                };
            };
        };
        responses: {
            /** @description Default Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Registration"];
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    getCluster: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Cluster"];
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    removeCluster: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    labelCluster: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @default false */
                    dryRun?: boolean;
                    labels: {
                        /** @default [] */
                        remove?: string[];
                        /** @default {} */
                        set?: {
                            [key: string]: string;
                        };
                    };
                };
            };
        };
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["LabelResult"];
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    listDefinitions: {
        parameters: {
            query: {
                kind: "Source" | "App" | "AppSet" | "Project" | "Cluster";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Definition"][];
                    };
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    watchEvents: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description a stream of events */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    handOver: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["HandOverRequestInput"];
            };
        };
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HandOver"];
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    join: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["JoinRequestInput"];
            };
        };
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EnrolmentAnswer"];
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    listProjects: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Project"][];
                    };
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    deleteProject: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    listApps: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["App"][];
                    };
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    getApp: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AppDetail"];
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    deleteApp: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        waits: string | null;
                    };
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    moveApp: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
                project: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @default false */
                    dryRun?: boolean;
                    to: string;
                };
            };
        };
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        clusters: number;
                        dryRun: boolean;
                        from: string;
                        to: string;
                    };
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    unpinApp: {
        parameters: {
            query?: {
                reason?: string;
            };
            header?: never;
            path: {
                name: string;
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["App"];
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    getPlacement: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                cluster: string;
                name: string;
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PlacementDetail"];
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    listReleases: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Release"][];
                    };
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    shipRelease: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
                number: number;
                project: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @default no reason given */
                    reason?: string;
                };
            };
        };
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Release"];
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    getBundle: {
        parameters: {
            query?: {
                cluster?: string;
            };
            header?: never;
            path: {
                name: string;
                project: string;
                release: "current" | number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the bundle */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/zstd": string;
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    traceApp: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Trace"][];
                    };
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    whyApp: {
        parameters: {
            query?: {
                cluster?: string;
                commit?: string;
            };
            header?: never;
            path: {
                name: string;
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Why"];
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    listAppSets: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["AppSet"][];
                    };
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    getAppSet: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AppSet"];
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    deleteAppSet: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    listSources: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Source"][];
                    };
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    getSource: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Source"];
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    deleteSource: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    refreshSource: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
                project: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    recover: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RecoverRequestInput"];
            };
        };
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        recovered: {
                            app: string;
                            cluster: string;
                        }[];
                    };
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    renew: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RenewRequestInput"];
            };
        };
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EnrolmentAnswer"];
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    rollback: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RollbackRequestInput"];
            };
        };
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Rollback"];
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    getSchema: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                file: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    listAllSources: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        items: components["schemas"]["Source"][];
                    };
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
    getStatus: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Default Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Status"];
                };
            };
            /** @description refused or failed */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["ProblemBody"];
                };
            };
        };
    };
}
