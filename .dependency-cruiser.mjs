// The import walls: docs/decisions and the layout in CONTRIBUTING.md say why they stand where they stand.
//
//   core <- ports <- flows <- create-*.ts <- main.ts        adapters -> core, ports
//
// A rule's name is what a violation prints, so it says what is not allowed. `$1`, `$2` in a `to` are the groups of the
// same rule's `from`. TypeScript is read with swc: the compiler this repository uses (7) has no JavaScript API.

/** Tests, contract suites and testing helpers may reach further than the code they test. */
const testCode = "(\\.test\\.ts$|\\.contract\\.ts$|/testing/)";

const networkAndFiles =
  "^(node:)?(child_process|cluster|dgram|dns|fs|http|http2|https|inspector|net|quic|readline|repl|sqlite|tls|worker_threads)(/|$)";

/** These kinds are one adapter spread over sub-folders; every other kind holds one adapter per sub-folder. */
const kindsOfOneAdapter = "(?:api|kubernetes|state)";

const rules = [
  {
    name: "core-imports-only-core-and-shared-nouns",
    comment: "The core is pure: functions on data. It may use the shared model, manifests, errors and the like.",
    from: { path: "^(hub|agent)/src/core/", pathNot: testCode },
    to: {
      path: "^(shared|hub|agent|cli|e2e|bench|scripts)/",
      pathNot: ["^$1/src/core/", "^shared/src/(?!wire/|trust/|testing/|log\\.ts$)"],
    },
  },
  {
    name: "core-uses-no-node-builtins",
    comment: "No files, network, processes, clock or chance in the core: pass values in.",
    from: { path: "^(hub|agent)/src/core/", pathNot: testCode },
    to: { dependencyTypes: ["core"] },
  },
  {
    name: "core-uses-no-package-but-zod",
    from: { path: "^(hub|agent)/src/core/", pathNot: testCode },
    to: { path: "node_modules/", pathNot: "node_modules/zod/" },
  },
  {
    name: "ports-import-only-ports-and-core",
    from: { path: "^(hub|agent)/src/ports/", pathNot: testCode },
    to: { path: "^(hub|agent|cli|e2e|bench|scripts)/", pathNot: "^$1/src/(core|ports)/" },
  },
  {
    name: "ports-use-no-outside-code",
    comment: "A port speaks the domain; a Node or package type in it would tie every adapter to one technology.",
    from: { path: "^(hub|agent)/src/ports/", pathNot: testCode },
    to: { path: ["node_modules/(?!zod/)", networkAndFiles] },
  },
  {
    name: "flows-import-only-flows-ports-and-core",
    from: { path: "^(hub|agent)/src/flows/", pathNot: testCode },
    to: { path: "^(hub|agent|cli|e2e|bench|scripts)/", pathNot: "^$1/src/(core|ports|flows)/" },
  },
  {
    name: "flows-do-io-only-through-ports",
    from: { path: "^(hub|agent)/src/flows/", pathNot: testCode },
    to: { path: ["node_modules/(?!zod/)", networkAndFiles] },
  },
  {
    name: "adapters-import-only-ports-and-core",
    comment: "Adapters never reach the flows, the wiring or the configuration: what they need is passed to them.",
    from: { path: "^(hub|agent)/src/adapters/", pathNot: testCode },
    to: { path: "^(hub|agent|cli|e2e|bench|scripts)/", pathNot: "^$1/src/(core|ports|adapters)/" },
  },
  {
    name: "adapters-never-import-another-kind",
    from: { path: "^(hub|agent)/src/adapters/([^/.]+)", pathNot: testCode },
    to: { path: "^$1/src/adapters/", pathNot: "^$1/src/adapters/$2(/|\\.)" },
  },
  {
    name: "adapters-never-import-a-sibling",
    comment: "store/sqlite and store/jetstream stay apart; files directly in the kind's folder may serve both.",
    from: { path: `^(hub|agent)/src/adapters/(?!${kindsOfOneAdapter}/)([^/]+)/([^/]+)/`, pathNot: testCode },
    to: { path: "^$1/src/adapters/$2/[^/]+/", pathNot: "^$1/src/adapters/$2/$3/" },
  },
  {
    name: "links-and-stores-never-import-a-sibling",
    comment: "Under link/ and store/ a single file may be a whole adapter, so nothing there is common ground.",
    from: { path: "^(hub|agent)/src/adapters/(link|store)/([^/.]+)", pathNot: testCode },
    to: { path: "^$1/src/adapters/$2/", pathNot: "^$1/src/adapters/$2/$3(/|\\.)" },
  },
  {
    name: "config-imports-only-core",
    from: { path: "^(hub|agent)/src/(?:renderer-)?config\\.ts$" },
    to: { path: "^(hub|agent|cli|e2e|bench|scripts)/", pathNot: "^$1/src/(core|config)" },
  },
  {
    name: "nothing-imports-main",
    comment: "main.ts reads flags and starts the process when it is loaded; wire create-*.ts instead.",
    from: { path: "." },
    to: { path: "^(hub|agent|cli)/src/(?:renderer-)?main\\.ts$" },
  },
  {
    name: "hub-never-imports-agent",
    comment: "Holds for tests too: what needs both belongs in e2e.",
    from: { path: "^hub/" },
    to: { path: "^agent/" },
  },
  { name: "agent-never-imports-hub", from: { path: "^agent/" }, to: { path: "^hub/" } },
  {
    name: "shared-imports-neither-hub-nor-agent",
    from: { path: "^shared/" },
    to: { path: "^(hub|agent|cli|e2e|bench|scripts)/" },
  },
  {
    name: "shared-uses-no-network-and-no-files",
    from: { path: "^shared/", pathNot: testCode },
    to: { path: networkAndFiles },
  },
  {
    name: "shared-uses-no-network-package",
    comment: "No Kubernetes client, no HTTP, gRPC or NATS client in shared.",
    from: { path: "^shared/" },
    to: { path: "node_modules/(@kubernetes|@grpc|@nats-io|nats|undici|fastify|isomorphic-git)/" },
  },
  {
    name: "wire-types-stop-at-the-codec",
    comment: "Protobuf types are known inside shared/src/wire only; everyone else speaks the model.",
    from: { pathNot: "^shared/src/wire/" },
    to: { path: ["^shared/src/wire/generated/", "node_modules/@bufbuild/protobuf/"] },
  },
  {
    name: "cli-imports-hub-and-agent-only-to-run-them",
    comment: "`muster` is a client of the REST API; only `up`, `render` and the demo run the product in one process.",
    from: { path: "^cli/", pathNot: "^cli/src/(up|render|demo)/" },
    to: { path: "^(hub|agent)/" },
  },
  {
    name: "product-never-imports-workshop",
    from: { path: "^(shared|hub|agent|cli)/", pathNot: testCode },
    to: { path: "^(e2e|bench|scripts)/" },
  },
  {
    name: "product-never-imports-test-code",
    from: { path: "^(shared|hub|agent|cli)/", pathNot: testCode },
    to: { path: `^(shared|hub|agent|cli)/.*${testCode}` },
  },
  {
    name: "no-unresolved-import",
    comment: "An import the walls cannot follow is a hole in them.",
    from: { path: "^(shared|hub|agent|cli|e2e|bench|scripts)/" },
    to: { couldNotResolve: true },
  },
];

/** @type {{ forbidden: { name: string }[], options: Record<string, unknown> }} */
export default {
  forbidden: rules.map((rule) => ({ severity: "error", ...rule })),
  options: {
    parser: "swc",
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(^|/)(dist|\\.turbo)/" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default", "types"],
      extensions: [".ts", ".js", ".d.ts", ".json", ".node"],
      mainFields: ["module", "main", "types"],
    },
  },
};
