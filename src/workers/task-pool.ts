/** Runs independent tasks on worker threads: one message in, one out. For work that shares nothing, as checking and restoring packs. */
import { parentPort, Worker, workerData } from 'node:worker_threads'
import { assert } from '../base/assert.ts'
import { asTask, joinTrace } from '../base/trace.ts'
import { SnapError } from '../model/errors.ts'
import { ended } from './ended.ts'
import type { WireError } from './tasks.ts'
import { THREAD_LIMITS } from './thread-modules.ts'
import { unwireError, wireError } from './wire-error.ts'

/** Tasks given to a thread before the first is done, so that it never waits for the next. */
const TASKS_AHEAD = 2

export interface TaskPool<Task, Result> extends AsyncDisposable {
  /** How many tasks are worth having under way at once; `run` takes more, and they wait. */
  readonly parallel: number
  /** `transfer`: buffers of the task that the caller gives away. Rejects with what the task threw. */
  run(task: Task, transfer?: readonly ArrayBuffer[]): Promise<Result>
}

/** Everything on the calling thread: for tests and platforms without threads. */
export function createInThreadPool<Task, Result>(handle: (task: Task) => Result): TaskPool<Task, Result> {
  return {
    parallel: 1,
    run: async (task) => handle(task),
    [Symbol.asyncDispose]: async () => undefined,
  }
}

type Outgoing<Task> = { readonly number: number; readonly task: Task }
/** Instead of a task: there are no more. */
const END = 'end'
type Incoming<Result> = { readonly number: number; readonly result?: Result; readonly error?: WireError }

type Waiting<Result> = { readonly resolve: (result: Result) => void; readonly reject: (error: Error) => void }
type Queued<Task, Result> = {
  readonly task: Task
  readonly transfer: readonly ArrayBuffer[]
  readonly waiting: Waiting<Result>
}

/** `module`: a script that calls `serveTasks`; `setup` is what it gets. */
export function createThreadPool<Setup, Task, Result>(
  count: number,
  module: URL,
  setup: Setup,
): TaskPool<Task, Result> {
  assert(count >= 1, 'at least one thread')
  const queue: Queued<Task, Result>[] = []
  let number = 0
  let failure: Error | undefined
  let closing = false

  const threads = Array.from({ length: count }, () => {
    const worker = new Worker(module, {
      workerData: setup,
      trackUnmanagedFds: false,
      resourceLimits: THREAD_LIMITS,
    })
    const thread = {
      worker,
      ended: ended(worker),
      waiting: new Map<number, Waiting<Result>>(),
    }
    thread.worker.on('message', (message: Incoming<Result>) => {
      const waiting = thread.waiting.get(message.number)
      thread.waiting.delete(message.number)
      if (message.error !== undefined) waiting?.reject(unwireError(message.error))
      else waiting?.resolve(message.result as Result)
      pump()
    })
    thread.worker.on('error', fail)
    thread.worker.on('exit', (code) => {
      if (!closing) fail(new Error(`a worker thread ended with status ${code}`))
    })
    return thread
  })

  function fail(error: Error): void {
    failure ??= error
    for (const { waiting } of queue.splice(0)) waiting.reject(failure)
    for (const thread of threads) {
      for (const waiting of thread.waiting.values()) waiting.reject(failure)
      thread.waiting.clear()
    }
  }

  function pump(): void {
    for (;;) {
      const thread = threads.reduce((best, next) => (next.waiting.size < best.waiting.size ? next : best))
      if (thread.waiting.size >= TASKS_AHEAD) return
      const next = queue.shift()
      if (next === undefined) return
      thread.waiting.set(number, next.waiting)
      const message: Outgoing<Task> = { number: number++, task: next.task }
      thread.worker.postMessage(message, next.transfer)
    }
  }

  return {
    parallel: count * TASKS_AHEAD,
    run: (task, transfer = []) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) return reject(failure)
        queue.push({ task, transfer, waiting: { resolve, reject } })
        pump()
      }),
    async [Symbol.asyncDispose]() {
      closing = true
      fail(new SnapError('INTERRUPTED', 'the run was ended'))
      for (const { worker } of threads) worker.postMessage(END)
      await Promise.all(threads.map((thread) => thread.ended))
    },
  }
}

/** In a worker thread: `start` makes the handler from the pool's setup. `name`: of the thread and its tasks, in a trace. */
export function serveTasks<Setup, Task, Result>(
  name: string,
  start: (setup: Setup) => (task: Task) => Result,
): void {
  const port = parentPort
  assert(port !== null, 'tasks are served in a worker thread')
  joinTrace(name)
  const handle = start(workerData as Setup)
  port.on('message', (incoming: Outgoing<Task> | typeof END) => {
    if (incoming === END) return port.close()
    const { number, task } = incoming
    let message: Incoming<Result>
    try {
      message = { number, result: asTask(name, () => handle(task)) }
    } catch (error) {
      message = { number, error: wireError(error) }
    }
    port.postMessage(message)
  })
}
