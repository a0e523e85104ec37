import { AppError, type ErrorCode, isAppError, messageOf } from "@muster/shared/errors.ts";

/** What a renderer tells the process that started it, once, over the channel between them. */
export type RendererNews =
  | { readonly kind: "serving" }
  | { readonly kind: "failed"; readonly code: ErrorCode; readonly message: string; readonly fix: string | null };

export const failureNews = (error: unknown): RendererNews => ({
  kind: "failed",
  code: isAppError(error) ? error.code : "unavailable",
  message: messageOf(error),
  fix: isAppError(error) ? (error.fix ?? null) : null,
});

export const failureIn = ({ code, message, fix }: Extract<RendererNews, { kind: "failed" }>): AppError =>
  new AppError(code, message, fix === null ? {} : { fix });
