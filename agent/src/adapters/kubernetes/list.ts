import type { LiveObject, ResourceKind } from "../../ports/cluster-api.ts";
import { isGone } from "./errors.ts";
import { collectionPath, query } from "./object-path.ts";
import type { Transport } from "./transport.ts";

const PAGE_OBJECTS = 500;

export interface ListRequest {
  readonly kind: ResourceKind;
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface ListAnswer {
  readonly objects: LiveObject[];
  /** Where a watch goes on from. */
  readonly resourceVersion: string;
}

interface ListPage {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly LiveObject[];
}

/** All objects as of one moment, fetched page by page. */
export async function listAll(transport: Transport, request: ListRequest): Promise<ListAnswer> {
  try {
    return await listPages(transport, request, PAGE_OBJECTS);
  } catch (error) {
    // The moment of the first page was forgotten while we paged: everything at once, then.
    if (isGone(error)) return listPages(transport, request, undefined);
    throw error;
  }
}

async function listPages(transport: Transport, request: ListRequest, limit: number | undefined): Promise<ListAnswer> {
  const { kind, namespace = "", labelSelector, timeoutMs, signal } = request;
  const objects: LiveObject[] = [];
  let next: string | undefined;
  for (;;) {
    const { text } = await transport.request({
      method: "GET",
      path: collectionPath(kind, namespace) + query({ labelSelector, limit, continue: next }),
      subject: `list of ${kind.plural}`,
      timeoutMs,
      signal,
      isRepeatable: true,
    });
    const page = JSON.parse(text) as ListPage;
    // Items of a list leave out what the list says for all of them.
    for (const item of page.items ?? []) objects.push({ ...item, apiVersion: kind.apiVersion, kind: kind.kind });
    next = page.metadata?.continue || undefined;
    if (next === undefined) return { objects, resourceVersion: page.metadata?.resourceVersion ?? "" };
  }
}
