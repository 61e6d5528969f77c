/** A `StorageFs` whose every call passes a gate first: for kills and faults at any one of them. */
import type { StorageFs } from '../../../src/storage/storage-fs.ts'

export type FsCall = keyof StorageFs

/** Those that change the disk. */
const MUTATING: ReadonlySet<FsCall> = new Set([
  'createFile',
  'writev',
  'fsync',
  'fsyncDirectory',
  'rename',
  'link',
  'unlink',
  'mkdir',
])

export const isMutating = (call: FsCall): boolean => MUTATING.has(call)

/** `around` decides whether and when `run` happens, and what the caller gets. */
export function interceptingFs(
  fs: StorageFs,
  around: (call: FsCall, run: () => Promise<unknown>, args: readonly unknown[]) => Promise<unknown>,
): StorageFs {
  const wrapped: Record<string, unknown> = {}
  for (const call of Object.keys(fs) as FsCall[]) {
    const plain = fs[call] as (...args: unknown[]) => Promise<unknown>
    wrapped[call] = (...args: unknown[]) => around(call, () => plain(...args), args)
  }
  return wrapped as unknown as StorageFs
}
