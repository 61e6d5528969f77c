/** The executor over worker threads: each runs the whole pipeline for the tasks it gets. */
import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads'
import { assert } from '../base/assert.ts'
import { SnapError } from '../model/errors.ts'
import { type BaseRequest, NO_BASES_READ } from './bases.ts'
import type { Executor, ExecutorPorts } from './executor.ts'
import { createPackRoom, giveRoom, openRoom } from './pack-room.ts'
import {
  type FromWorker,
  type PackMessage,
  PIECE_BYTES,
  type PipelineSetup,
  TASK_BYTES_MAX,
  type Task,
  type TaskResult,
  type ToWorker,
} from './tasks.ts'
import { ThreadStarter } from './thread-starter.ts'
import { unwireError } from './wire-error.ts'

/** Tasks given to a thread before the first is done, so that it never waits for the next. */
const TASKS_AHEAD = 2
/** Packs on their way to the storage, over all threads, before new tasks wait. */
const PACKS_IN_FLIGHT_MAX = 2
/** The smallest share of its target at which a pack is full. */
const PACK_FILL_MIN = 1 / 2

type Waiting = { resolve: (result: TaskResult) => void; reject: (error: Error) => void }

type Thread = {
  readonly worker: Worker
  readonly ended: Promise<void>
  readonly waiting: Map<number, Waiting>
  tickets: number
  /** It was given files, so that it may have a pack under way. */
  hasFiled: boolean
  flushed: (() => void) | undefined
  readonly answers: MessagePort
  readonly arrived: Int32Array<SharedArrayBuffer>
  /** So that answers leave in the order of the requests. */
  answering: Promise<void>
}

/** Up to `count` threads running tasks of at most 64 MiB each. */
export function createThreadsExecutor(
  count: number,
  setup: PipelineSetup,
  ports: ExecutorPorts,
  starter: ThreadStarter = new ThreadStarter(),
): Executor {
  return new Threads(count, setup, ports, starter)
}

/** While the threads scan, the main thread does too: one fewer of them is needed for that. */
function scanThreads(count: number): number {
  return Math.max(1, count - 1)
}

/** What goes to the thread, and is not the main thread's any more. */
function ownBytes(task: Task): ArrayBuffer[] {
  return task.kind === 'block' || task.kind === 'contents' ? [task.bytes.buffer] : []
}

class Threads implements Executor {
  readonly parallel: number
  readonly scanners: number
  readonly #count: number
  readonly #setup: PipelineSetup
  readonly #starter: ThreadStarter
  readonly #ports: ExecutorPorts
  /** Tickets that a thread holds when it gets a task: as many as all its tasks may use. */
  readonly #ticketsMin: number
  readonly #threads: Thread[] = []
  readonly #queue: { task: Task; waiting: Waiting }[] = []
  readonly #stores = new Set<Promise<void>>()
  readonly #room = createPackRoom()
  #failure: Error | undefined
  #number = 0
  #closing = false

  constructor(count: number, setup: PipelineSetup, ports: ExecutorPorts, starter: ThreadStarter) {
    assert(count >= 1, 'at least one thread')
    this.parallel = count * TASKS_AHEAD
    this.#count = count
    this.scanners = scanThreads(count) * TASKS_AHEAD
    this.#setup = setup
    this.#starter = starter
    this.#ports = ports
    const packsOfTask = Math.ceil((PIECE_BYTES + TASK_BYTES_MAX) / (setup.packBytes * PACK_FILL_MIN)) + 1
    this.#ticketsMin = (TASKS_AHEAD + 1) * packsOfTask
  }

  #start(): Thread {
    const { worker, ended } = this.#starter.take()
    const { port1: answers, port2 } = new MessageChannel()
    answers.unref()
    const arrived = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
    const thread: Thread = {
      worker,
      ended,
      waiting: new Map(),
      tickets: 0,
      hasFiled: false,
      flushed: undefined,
      answers,
      arrived,
      answering: Promise.resolve(),
    }
    worker.on('message', (message: FromWorker) => this.#receive(thread, message))
    worker.on('error', (error: Error) => this.#fail(error))
    worker.on('exit', (code) => {
      if (!this.#closing) this.#fail(new Error(`a worker thread ended with status ${code}`))
    })
    const message: ToWorker = { kind: 'begin', setup: this.#setup, answers: port2, arrived, room: this.#room }
    worker.postMessage(message, [port2])
    this.#threads.push(thread)
    return thread
  }

  run(task: Task): Promise<TaskResult> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure)
      this.#queue.push({ task, waiting: { resolve, reject } })
      this.#pump()
    })
  }

  #pump(): void {
    while (this.#failure === undefined && this.#stores.size < PACKS_IN_FLIGHT_MAX) {
      const [next] = this.#queue
      const thread = next === undefined ? undefined : this.#threadFor(next.task)
      if (thread === undefined || next === undefined) return
      this.#queue.shift()
      const number = this.#number++
      thread.waiting.set(number, next.waiting)
      const isScan = next.task.kind === 'scan'
      if (!isScan) thread.hasFiled = true
      const message: ToWorker = {
        kind: 'task',
        number,
        task: next.task,
        tickets: isScan ? [] : this.#ticketsFor(thread),
      }
      thread.worker.postMessage(message, ownBytes(next.task))
    }
  }

  /** An idle one, a new one as long as there may be more, or the idlest. */
  #threadFor({ kind }: Task): Thread | undefined {
    const idlest = this.#idlest()
    const isIdle = idlest !== undefined && idlest.waiting.size === 0
    const most = kind === 'scan' ? scanThreads(this.#count) : this.#count
    return isIdle || this.#threads.length >= most ? idlest : this.#start()
  }

  #idlest(): Thread | undefined {
    let best: Thread | undefined
    for (const thread of this.#threads) {
      if (
        thread.waiting.size < TASKS_AHEAD &&
        (best === undefined || thread.waiting.size < best.waiting.size)
      ) {
        best = thread
      }
    }
    return best
  }

  #ticketsFor(thread: Thread) {
    const tickets = []
    while (thread.tickets < this.#ticketsMin) {
      tickets.push(this.#ports.ticket())
      thread.tickets += 1
    }
    return tickets
  }

  #receive(thread: Thread, message: FromWorker): void {
    switch (message.kind) {
      case 'ready':
        break
      case 'failed':
        this.#fail(unwireError(message.error))
        break
      case 'flushed':
        thread.flushed?.()
        break
      case 'bases':
        thread.answering = thread.answering.then(() => this.#answer(thread, message.request))
        break
      case 'pack':
        thread.tickets -= 1
        this.#store(message)
        break
      case 'done': {
        const waiting = thread.waiting.get(message.number)
        thread.waiting.delete(message.number)
        waiting?.resolve(message.result)
        this.#pump()
      }
    }
  }

  /** Always, also when the run has failed: the thread waits for it. */
  async #answer(thread: Thread, request: BaseRequest): Promise<void> {
    const bases =
      this.#failure === undefined ? await this.#ports.bases(request).catch(this.#failing) : NO_BASES_READ
    const sealed = bases.packs.flatMap(
      (pack) => pack?.sealed.map(({ buffer }) => buffer as ArrayBuffer) ?? [],
    )
    thread.answers.postMessage(bases, [...new Set(sealed)])
    Atomics.add(thread.arrived, 0, 1)
    Atomics.notify(thread.arrived, 0)
  }

  #store({ buffer, bytes, table, digest }: PackMessage): void {
    const stored: Promise<void> = this.#ports
      .store({ bytes: new Uint8Array(buffer, 0, bytes), table, digest })
      .catch((error: unknown) => this.#fail(error instanceof Error ? error : new Error(String(error))))
      .finally(() => {
        this.#stores.delete(stored)
        giveRoom(this.#room)
        this.#pump()
      })
    this.#stores.add(stored)
  }

  readonly #failing = (error: unknown): typeof NO_BASES_READ => {
    this.#fail(error instanceof Error ? error : new Error(String(error)))
    return NO_BASES_READ
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    openRoom(this.#room)
    for (const { waiting } of this.#queue.splice(0)) waiting.reject(error)
    for (const thread of this.#threads) {
      for (const waiting of thread.waiting.values()) waiting.reject(error)
      thread.waiting.clear()
      thread.flushed?.()
    }
  }

  async flush(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => this.#flushThread(thread)))
    while (this.#stores.size > 0) await Promise.all(this.#stores)
    if (this.#failure !== undefined) throw this.#failure
  }

  #flushThread(thread: Thread): Promise<void> {
    // One that has only scanned was never given a ticket, and has no pack.
    if (this.#failure !== undefined || !thread.hasFiled) return Promise.resolve()
    return new Promise((resolve) => {
      thread.flushed = resolve
      const message: ToWorker = { kind: 'flush', tickets: this.#ticketsFor(thread) }
      thread.worker.postMessage(message)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true
    this.#fail(new SnapError('INTERRUPTED', 'the run was ended'))
    const message: ToWorker = { kind: 'end' }
    for (const { worker } of this.#threads) worker.postMessage(message)
    await Promise.all(this.#threads.map((thread) => thread.ended))
    for (const { answers } of this.#threads) answers.close()
    while (this.#stores.size > 0) await Promise.all(this.#stores)
  }
}
