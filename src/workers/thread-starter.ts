/**
 * Starts worker threads. It takes longer than many a backup has to do, so the first may be started before it is known what for, while
 * the repository is being opened. Knows nothing of tasks.
 */
import { Worker } from 'node:worker_threads'
import { ended } from './ended.ts'
import type { ToWorker } from './tasks.ts'
import { THREAD_LIMITS, WORKER_MODULE } from './thread-modules.ts'

export type StartedThread = { readonly worker: Worker; readonly ended: Promise<void> }

/** Disposing ends a thread that nobody took. */
export class ThreadStarter implements AsyncDisposable {
  #early: StartedThread | undefined

  startEarly(): void {
    if (this.#early !== undefined) return
    const early = start()
    this.#early = early
    early.worker.on('error', ignore)
    // One that has failed is not given to anybody, and whoever asks for a thread sees another fail.
    void early.ended.then(() => {
      if (this.#early === early) this.#early = undefined
    })
  }

  /** The caller ends it. */
  take(): StartedThread {
    const thread = this.#early ?? start()
    this.#early = undefined
    thread.worker.off('error', ignore)
    return thread
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const thread = this.#early
    if (thread === undefined) return
    this.#early = undefined
    const message: ToWorker = { kind: 'end' }
    thread.worker.postMessage(message)
    await thread.ended
  }
}

const ignore = (): void => undefined

function start(): StartedThread {
  const worker = new Worker(WORKER_MODULE, { trackUnmanagedFds: false, resourceLimits: THREAD_LIMITS })
  return { worker, ended: ended(worker) }
}
