/** What starting a thread takes: its module and its limits. */
import type { ResourceLimits } from 'node:worker_threads'

/**
 * Where the threads' entry modules lie: beside this one, in the tree that `tsc` makes and in the bundle alike. They are started by
 * their place, so whoever starts one takes it from here.
 */
export const WORKER_MODULE: URL = new URL('./worker-main.js', import.meta.url)
export const RESTORE_MODULE: URL = new URL('./restore-main.js', import.meta.url)
export const PACK_CHECK_MODULE: URL = new URL('./pack-check-main.js', import.meta.url)

/**
 * For what is young in a thread's heap. Nearly all that its tasks make is dead when the next object is made, and buffers lie outside of the
 * heap; the engine's own limit of 48 MiB is only filled more. With this a backup takes 31 MB less, and no longer.
 */
export const THREAD_LIMITS: ResourceLimits = { maxYoungGenerationSizeMb: 6 }
