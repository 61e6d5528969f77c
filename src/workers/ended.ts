/**
 * How a worker thread ends: it is asked to, and stops listening when it has done what it was given. Terminating a
 * thread while it loads native code, or is inside it, can abort the whole process.
 */
import type { Worker } from 'node:worker_threads'

/** Resolves when the thread has ended, whatever the reason. Call when the thread is made. */
export function ended(worker: Worker): Promise<void> {
  return new Promise((resolve) => {
    worker.once('exit', () => resolve())
  })
}
