/**
 * What a running operation tells about itself: the same few events for backup, restore and verify. Emitting is
 * synchronous and must be cheap; a listener does not throw.
 */
export type ProgressEvent =
  /** All the work known so far; replaces the total before. `final` once nothing more will be found. */
  | { readonly kind: 'total'; readonly files: number; readonly bytes: number; readonly final: boolean }
  /** So much more is done since the last such event. */
  | { readonly kind: 'done'; readonly files: number; readonly bytes: number }
  /** Work on this path begins. A name that is not UTF-8 has lone surrogates (see `files.ts`). */
  | { readonly kind: 'file'; readonly path: string }
  /** Something about `path` that does not stop the operation; `reason` in words. */
  | { readonly kind: 'warning'; readonly path: string; readonly reason: string }
  /** The same where the operation leaves `path` undone, and so ends incomplete. */
  | { readonly kind: 'failure'; readonly path: string; readonly reason: string }

export type ProgressListener = (event: ProgressEvent) => void
