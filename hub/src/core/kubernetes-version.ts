/** What charts are told that clusters run, where an App does not say otherwise. Raised with the project, never by itself. */
export const KUBERNETES_VERSION = "1.34";
